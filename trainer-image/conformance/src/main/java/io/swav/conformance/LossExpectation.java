package io.swav.conformance;

import ai.djl.ndarray.types.Shape;

/**
 * The numbers that {@code loss_queue.npz} holds for one rank. Of a world size that the reference did not run, they are that
 * rank's share of the numbers of one rank, because the loss is a mean over the global batch.
 */
final class LossExpectation {
    private final NpzFile arrays;
    private final String prefix;
    private final boolean stored;
    private final BatchShare share;

    LossExpectation(NpzFile arrays, String key, BatchShare share) {
        int size = share.world().size();
        this.stored = arrays.has(key + "/w" + size + "/r0/loss");
        this.arrays = arrays;
        this.prefix = key + (stored ? "/w" + size + "/r" + share.world().rank() : "/w1/r0") + "/";
        this.share = share;
    }

    /** Returns the mean over the samples of this rank or, if the reference did not run this world, over all. */
    double loss(int step) {
        return arrays.doubles(prefix + "loss")[step];
    }

    /** Whether {@link #loss} and gradients are of this rank's samples alone, whose mean is not divided by the ranks. */
    boolean isOfRank() {
        return stored;
    }

    /** Returns this rank's rows of an array (blocks·rows, columns) whose blocks hold one row for each sample. */
    double[] rows(String name) {
        double[] all = arrays.doubles(prefix + name);
        Shape shape = arrays.shape(prefix + name);
        int columns = Math.toIntExact(shape.get(shape.dimension() - 1));
        return stored ? all : slice(all, share.rows() * columns, share.group() * columns);
    }

    /** Returns this rank's part of every block: {@code length} elements, those before it belong to lower ranks. */
    private double[] slice(double[] all, int block, int length) {
        int blocks = all.length / block;
        double[] own = new double[blocks * length];
        for (int i = 0; i < blocks; i++) {
            System.arraycopy(all, i * block + share.world().rank() * length, own, i * length, length);
        }
        return own;
    }
}
