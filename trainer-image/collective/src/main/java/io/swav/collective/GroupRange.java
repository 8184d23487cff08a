package io.swav.collective;

/**
 * The groups [from, to) that one rank owns. Groups are assigned in contiguous, balanced ranges: rank r of W owns
 * [r·G/W, (r+1)·G/W) (integer division), so every rank has the floor or the ceiling of G/W groups. The assignment
 * depends on G and W alone, so every rank can compute it; one that also took the previous assignment into account would
 * move hardly fewer groups (see GroupRangeTest).
 */
public record GroupRange(int from, int to) {
    public GroupRange {
        if (from < 0 || to < from) {
            throw new IllegalArgumentException("invalid range of groups [" + from + ", " + to + ")");
        }
    }

    public static GroupRange of(int groups, int rank, int size) {
        if (size < 1 || size > groups || rank < 0 || rank >= size) {
            throw new IllegalArgumentException(
                    "cannot assign a range of " + groups + " groups to rank " + rank + " of " + size);
        }
        return new GroupRange((int) ((long) rank * groups / size), (int) ((rank + 1L) * groups / size));
    }

    public int count() {
        return to - from;
    }
}
