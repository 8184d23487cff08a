package io.swav.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Bits of initial weights, sample order and crops follow from these: a stored training must find the same again. */
class KeyedRandomTest {
    private static long[] first(KeyedRandom random) {
        return LongStream.generate(random::nextLong).limit(3).toArray();
    }

    /** The first numbers of SplitMix64 for this seed, computed apart from this class. */
    @Test
    void drawsSplitMix64FromAState() {
        assertThat(first(KeyedRandom.ofState(1234567)))
                .containsExactly(6457827717110365317L, 3203168211198807973L, -8629252141511181193L);
        assertThat(KeyedRandom.ofState(1234567).nextDouble()).isEqualTo(0.3500795420214081);
    }

    @Test
    void keysInAnotherOrderGiveAnotherStream() {
        assertThat(first(KeyedRandom.of(1, 2))).isEqualTo(first(KeyedRandom.of(1, 2)));
        assertThat(Arrays.equals(first(KeyedRandom.of(1, 2)), first(KeyedRandom.of(2, 1))))
                .isFalse();
    }

    @Test
    void drawsBelowABound() {
        KeyedRandom random = KeyedRandom.of(5);
        assertThat(LongStream.range(0, 1000)
                        .map(i -> random.below(3))
                        .distinct()
                        .sorted())
                .containsExactly(0L, 1L, 2L);
    }
}
