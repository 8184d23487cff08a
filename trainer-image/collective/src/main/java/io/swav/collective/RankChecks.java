package io.swav.collective;

/** Validates rank arguments; shared by the implementations of {@link Collective}. */
public final class RankChecks {
    private RankChecks() {}

    public static void check(int rank, int size) {
        if (rank < 0 || rank >= size) {
            throw new IllegalArgumentException("rank " + rank + " does not exist in a world of " + size + " ranks");
        }
    }

    /** Checks that {@code ranks} ascend, are ranks of the world, and include {@code self}. */
    public static void subgroup(int[] ranks, int self, int size) {
        boolean found = false;
        for (int i = 0; i < ranks.length; i++) {
            check(ranks[i], size);
            if (i > 0 && ranks[i] <= ranks[i - 1]) {
                throw new IllegalArgumentException(
                        "the ranks of a subgroup must be in ascending order: " + ranks[i] + " follows " + ranks[i - 1]);
            }
            found |= ranks[i] == self;
        }
        if (!found) {
            throw new IllegalArgumentException("rank " + self + " requested a subgroup that does not include it");
        }
    }
}
