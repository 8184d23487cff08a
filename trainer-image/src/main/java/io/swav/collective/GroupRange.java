package io.swav.collective;

/**
 * The groups [from, to) that one rank owns. Groups are dealt contiguously and balanced: rank r of W owns
 * [r·G/W, (r+1)·G/W) (integer division), so every rank has the floor or the ceiling of G/W groups. It depends on nothing
 * else, so all ranks know it; a deal that knew the one before would hardly move fewer groups (see GroupRangeTest).
 */
public record GroupRange(int from, int to) {
    public GroupRange {
        if (from < 0 || to < from) {
            throw new IllegalArgumentException("bad run of groups [" + from + ", " + to + ")");
        }
    }

    public static GroupRange of(int groups, int rank, int size) {
        if (size < 1 || size > groups || rank < 0 || rank >= size) {
            throw new IllegalArgumentException(
                    "no run for rank " + rank + " of " + size + " over " + groups + " groups");
        }
        return new GroupRange((int) ((long) rank * groups / size), (int) ((rank + 1L) * groups / size));
    }

    public int count() {
        return to - from;
    }
}
