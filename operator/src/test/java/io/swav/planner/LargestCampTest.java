package io.swav.planner;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LargestCampTest {
    /** Compares with a search of all subsets: every graph of up to five members, with every set of holders. */
    @Test
    void everySmallGraphIsDividedAsASearchOfAllSubsetsDoes() {
        int cases = 0;
        for (int size = 0; size <= 5; size++) {
            int pairs = size * (size - 1) / 2;
            for (int graph = 0; graph < 1 << pairs; graph++) {
                List<BitSet> broken = graph(size, graph);
                for (int holders = 0; holders < 1 << size; holders++) {
                    BitSet of = bits(holders);
                    assertThat(LargestCamp.of(of, broken))
                            .as("size %s, broken pairs %s, holders %s", size, broken, of)
                            .isEqualTo(bySearch(size, of, broken));
                    cases++;
                }
            }
        }
        assertThat(cases).isEqualTo(1 + 2 + 2 * 4 + 8 * 8 + 64 * 16 + 1024 * 32);
    }

    @Test
    void aMemberThatNobodyReachesLeavesSixtyFour() {
        List<BitSet> broken = graph(64, 0);
        for (int other = 0; other < 64; other++) {
            if (other != 17) {
                breakPair(broken, 17, other);
            }
        }
        assertThat(LargestCamp.of(all(64), broken)).isEqualTo(without(all(64), 17));
    }

    @Test
    void ofTwoHalvesTheOneWithRankZeroContinues() {
        List<BitSet> broken = graph(64, 0);
        for (int even = 0; even < 64; even += 2) {
            for (int odd = 1; odd < 64; odd += 2) {
                breakPair(broken, even, odd);
            }
        }
        BitSet even = new BitSet();
        for (int rank = 0; rank < 64; rank += 2) {
            even.set(rank);
        }
        assertThat(LargestCamp.of(all(64), broken)).isEqualTo(even);
        BitSet lastHolder = new BitSet();
        lastHolder.set(63);
        assertThat(LargestCamp.of(lastHolder, broken).get(63))
                .as("the half that holds the state")
                .isTrue();
    }

    /** Graphs that no real failure makes, of which the search may give up; the result is free of broken pairs. */
    @Test
    void largeRandomGraphsAreDividedIntoSetsThatCannotGrow() {
        for (int seed = 0; seed < 40; seed++) {
            Random random = new Random(seed);
            int size = 1 + random.nextInt(130);
            double density = random.nextDouble() * random.nextDouble();
            List<BitSet> broken = graph(size, 0);
            for (int one = 0; one < size; one++) {
                for (int other = 0; other < one; other++) {
                    if (random.nextDouble() < density) {
                        breakPair(broken, one, other);
                    }
                }
            }
            BitSet holders = new BitSet();
            holders.set(random.nextInt(size));
            BitSet camp = LargestCamp.of(holders, broken);
            assertThat(camp.intersects(holders)).as("holder, seed %s", seed).isTrue();
            for (int rank = 0; rank < size; rank++) {
                assertThat(broken.get(rank).intersects(camp))
                        .as("rank %s of seed %s: out if and only if a pair with those that stay is broken", rank, seed)
                        .isEqualTo(!camp.get(rank));
            }
        }
    }

    private static BitSet bySearch(int size, BitSet holders, List<BitSet> broken) {
        BitSet best = new BitSet();
        for (int subset = 0; subset < 1 << size; subset++) {
            BitSet camp = bits(subset);
            boolean whole = camp.stream().noneMatch(rank -> broken.get(rank).intersects(camp));
            if (whole && isBetter(camp, best, holders)) {
                best = camp;
            }
        }
        return best;
    }

    private static boolean isBetter(BitSet camp, BitSet best, BitSet holders) {
        if (camp.intersects(holders) != best.intersects(holders)) {
            return camp.intersects(holders);
        }
        if (camp.cardinality() != best.cardinality()) {
            return camp.cardinality() > best.cardinality();
        }
        BitSet different = (BitSet) camp.clone();
        different.xor(best);
        return !different.isEmpty() && camp.get(different.nextSetBit(0));
    }

    /** @param code its bits are the broken pairs: (0, 1), (0, 2), (1, 2), (0, 3) and so on */
    private static List<BitSet> graph(int size, int code) {
        List<BitSet> broken = new ArrayList<>();
        int pair = 0;
        for (int rank = 0; rank < size; rank++) {
            broken.add(new BitSet());
            for (int other = 0; other < rank; other++) {
                if ((code >> pair++ & 1) == 1) {
                    breakPair(broken, rank, other);
                }
            }
        }
        return broken;
    }

    private static void breakPair(List<BitSet> broken, int one, int other) {
        broken.get(one).set(other);
        broken.get(other).set(one);
    }

    private static BitSet bits(int code) {
        return BitSet.valueOf(new long[] {code});
    }

    private static BitSet all(int size) {
        BitSet all = new BitSet();
        all.set(0, size);
        return all;
    }

    private static BitSet without(BitSet from, int rank) {
        from.clear(rank);
        return from;
    }
}
