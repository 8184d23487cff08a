package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Checks the assignment of groups to ranks, in every small world and across every change of it. */
class GroupRangeTest {
    @Test
    void rangesAreContiguousBalancedAndCoverAllGroups() {
        for (int groups = 1; groups <= 40; groups++) {
            for (int size = 1; size <= groups; size++) {
                int next = 0;
                for (GroupRange range : assignment(groups, size)) {
                    assertThat(range.from()).isEqualTo(next);
                    assertThat(range.count()).isBetween(groups / size, (groups + size - 1) / size);
                    next = range.to();
                }
                assertThat(next).isEqualTo(groups);
            }
        }
    }

    /**
     * An assignment depends on the size of the world alone, so that a newcomer can compute it. Compared with the best
     * balanced and contiguous assignment, which would have to know the previous one, it moves at most four groups more,
     * and at most a tenth more over all changes.
     */
    @Test
    void aWorldChangeMovesHardlyMoreGroupsThanNecessary() {
        int changes = 0;
        int moved = 0;
        int least = 0;
        for (int groups : new int[] {4, 6, 8, 12}) {
            for (int size = 1; size <= 5 && size <= groups; size++) {
                for (List<Integer> after : changes(size, Math.min(5, groups))) {
                    List<GroupRange> before = assignment(groups, size);
                    int made = moved(before, assignment(groups, after.size()), after);
                    int best = assignments(groups, after.size()).stream()
                            .mapToInt(assignment -> moved(before, assignment, after))
                            .min()
                            .orElseThrow();
                    assertThat(made - best)
                            .as("%d groups, previous ranks among %d: %s", groups, size, after)
                            .isBetween(0, 4);
                    changes++;
                    moved += made;
                    least += best;
                }
            }
        }
        assertThat(changes).isGreaterThan(400);
        assertThat(moved).isLessThanOrEqualTo(least * 11 / 10);
    }

    private static List<GroupRange> assignment(int groups, int size) {
        return IntStream.range(0, size)
                .mapToObj(rank -> GroupRange.of(groups, rank, size))
                .toList();
    }

    /** For each rank after a change, its rank before or −1: survivors in their order, then newcomers. */
    private static List<List<Integer>> changes(int size, int largest) {
        List<List<Integer>> all = new ArrayList<>();
        for (int kept = 0; kept < 1 << size; kept++) {
            List<Integer> survivors = new ArrayList<>();
            for (int rank = 0; rank < size; rank++) {
                if ((kept >> rank & 1) == 1) {
                    survivors.add(rank);
                }
            }
            for (int after = Math.max(1, survivors.size()); after <= largest; after++) {
                List<Integer> ranks = new ArrayList<>(survivors);
                while (ranks.size() < after) {
                    ranks.add(-1);
                }
                all.add(ranks);
            }
        }
        return all;
    }

    /** Counts the groups that survivors have after a change and did not have before. */
    private static int moved(List<GroupRange> before, List<GroupRange> after, List<Integer> ranks) {
        int moved = 0;
        for (int rank = 0; rank < after.size(); rank++) {
            if (ranks.get(rank) >= 0) {
                GroupRange had = before.get(ranks.get(rank));
                GroupRange has = after.get(rank);
                int common = Math.max(0, Math.min(had.to(), has.to()) - Math.max(had.from(), has.from()));
                moved += has.count() - common;
            }
        }
        return moved;
    }

    /** Every contiguous assignment whose ranges differ by at most one group. */
    private static List<List<GroupRange>> assignments(int groups, int size) {
        List<List<GroupRange>> all = new ArrayList<>();
        for (int larger = 0; larger < 1 << size; larger++) {
            if (Integer.bitCount(larger) == groups % size) {
                List<GroupRange> assignment = new ArrayList<>();
                int next = 0;
                for (int rank = 0; rank < size; rank++) {
                    int count = groups / size + (larger >> rank & 1);
                    assignment.add(new GroupRange(next, next + count));
                    next += count;
                }
                all.add(assignment);
            }
        }
        return all;
    }
}
