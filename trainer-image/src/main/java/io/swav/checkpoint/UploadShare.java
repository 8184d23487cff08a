package io.swav.checkpoint;

/**
 * A rank's part of a file that several ranks write together, each over its own line: every {@code ranks}-th part, from
 * its own number on.
 */
public record UploadShare(int rank, int ranks) {
    /** The whole file. */
    public static final UploadShare ALONE = new UploadShare(0, 1);

    public UploadShare {
        if (rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException("rank " + rank + " of " + ranks);
        }
    }

    boolean alone() {
        return ranks == 1;
    }

    /** @param part counted from 1, as S3 does */
    boolean owns(int part) {
        return (part - 1) % ranks == rank;
    }
}
