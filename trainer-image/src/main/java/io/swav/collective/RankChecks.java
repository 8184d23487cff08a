package io.swav.collective;

/** Checks of rank arguments, shared by the implementations. */
public final class RankChecks {
    private RankChecks() {}

    public static void check(int rank, int size) {
        if (rank < 0 || rank >= size) {
            throw new IllegalArgumentException("no rank " + rank + " in a world of " + size);
        }
    }

    /** Ascending, within the world, {@code self} among them. */
    public static void subgroup(int[] ranks, int self, int size) {
        boolean found = false;
        for (int i = 0; i < ranks.length; i++) {
            check(ranks[i], size);
            if (i > 0 && ranks[i] <= ranks[i - 1]) {
                throw new IllegalArgumentException(
                        "ranks of a subgroup must ascend: " + ranks[i] + " follows " + ranks[i - 1]);
            }
            found |= ranks[i] == self;
        }
        if (!found) {
            throw new IllegalArgumentException("rank " + self + " asks for a subgroup without itself");
        }
    }
}
