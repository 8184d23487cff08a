package io.swav.checkpoint;

/**
 * A rank's part of a file that several ranks write together, each over its own connection: every {@code ranks}-th part,
 * starting at its own number.
 */
public record UploadShare(int rank, int ranks) {
    /** The share of a rank that writes the whole file alone. */
    public static final UploadShare ALONE = new UploadShare(0, 1);

    public UploadShare {
        if (rank < 0 || rank >= ranks) {
            throw new IllegalArgumentException("rank " + rank + " of " + ranks);
        }
    }

    boolean alone() {
        return ranks == 1;
    }

    /**
     * Returns whether this rank writes a part.
     *
     * @param part counted from 1, as in S3
     */
    boolean owns(int part) {
        return (part - 1) % ranks == rank;
    }
}
