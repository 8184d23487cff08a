package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LineFaultTest {
    private static final int SEEDS = 300;

    private static byte[] bytes(Random random, int most) {
        byte[] bytes = new byte[2 + random.nextInt(most - 1)];
        random.nextBytes(bytes);
        return bytes;
    }

    @Test
    void aFlipChangesExactlyOneBit() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            byte[] before = bytes(random, 100);
            byte[] after = LineFault.FLIP.damage(before, random);
            assertThat(after).hasSameSizeAs(before);
            BitSet difference = BitSet.valueOf(before);
            difference.xor(BitSet.valueOf(after));
            assertThat(difference.cardinality()).as("seed %d", seed).isEqualTo(1);
        }
    }

    @Test
    void aRepeatAppendsTheLastBytesAgain() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            byte[] before = bytes(random, 10_000);
            byte[] after = LineFault.REPEAT.damage(before, random);
            int again = after.length - before.length;
            assertThat(again).as("seed %d", seed).isBetween(1, Math.min(before.length, 4096));
            assertThat(after)
                    .startsWith(before)
                    .endsWith(Arrays.copyOfRange(before, before.length - again, before.length));
        }
    }

    @Test
    void aCutLeavesOutAtLeastTheLastByte() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            byte[] before = bytes(random, 100);
            byte[] after = LineFault.CUT.damage(before, random);
            assertThat(after.length).as("seed %d", seed).isBetween(1, before.length - 1);
            assertThat(before).startsWith(after);
        }
    }

    @Test
    void aDelayChangesNoByte() {
        byte[] before = {1, 2, 3};
        assertThat(LineFault.DELAY.damage(before, new Random(1))).containsExactly(1, 2, 3);
    }
}
