package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;

/**
 * The embeddings of earlier steps, which Sinkhorn sees beside those of a small batch (SwAV section 3.1, "Working with
 * small batches"): for every assigned crop a first-in-first-out queue, filled with zeros at first.
 *
 * <p>Each group has rows of its own, those of the samples that it held in the last {@code steps} steps, and adds them to
 * its own part of every sum. So the world is not in the result: a group's rows are in use on the rank that computes the
 * group. All ranks keep the rows of all groups, as they keep all other state: a rank that is lost takes none along.
 */
public final class FeatureQueue {
    private final int assigned;
    private final int steps;
    private final int group;
    private final long features;
    /** The rows, and a zero if their number of elements is odd. */
    private final NDArray flat;

    private final NDArray rows;
    /** Whether the rows are known to be full; false also if that is unknown. */
    private boolean full;

    /**
     * Creates an empty queue, whose arrays belong to {@code root}.
     *
     * @param groups of the global batch
     * @param assigned crops with codes
     * @param steps whose embeddings are kept
     * @param group samples of a group
     * @param features D
     */
    public FeatureQueue(int groups, int assigned, int steps, int group, long features, NDManager root) {
        this.assigned = assigned;
        this.steps = steps;
        this.group = group;
        this.features = features;
        Shape shape = new Shape(groups, assigned, steps, group, features);
        this.flat = root.zeros(new Shape(shape.size() + shape.size() % 2));
        this.rows = TorchOps.view(root, flat, 0, shape.getShape());
    }

    /** Returns all rows as state of the training; the caller may write to them. */
    NDArray state() {
        full = false;
        return flat;
    }

    /**
     * Returns the rows by their meaning, (groups, assigned crops, steps, groupSize, D), the newest step first; the caller
     * may write to them.
     */
    public NDArray rows() {
        full = false;
        return rows;
    }

    /** Returns the rows for reading. */
    NDArray compared() {
        return flat;
    }

    /**
     * Returns whether the oldest row is not zero, as the reference decides whether it uses the queue. The device is read
     * only while the queue fills, and after its rows were given to a caller.
     */
    boolean isFull() {
        if (!full) {
            try (NDManager scope = flat.getManager().newSubManager()) {
                NDArray oldest = TorchOps.view(scope, flat, rows.size() - features, features);
                NDArray magnitudes = oldest.abs();
                magnitudes.attach(scope);
                NDArray sum = magnitudes.sum();
                sum.attach(scope);
                full = TorchOps.read(List.of(sum))[0] != 0;
            }
        }
        return full;
    }

    /** Returns one group's rows, (steps·groupSize, D) for each assigned crop, newest first. */
    List<NDArray> of(NDManager manager, int number) {
        long length = (long) steps * group;
        List<NDArray> crops = new ArrayList<>();
        for (int crop = 0; crop < assigned; crop++) {
            long block = (long) number * assigned + crop;
            crops.add(TorchOps.view(manager, flat, block * length * features, length, features));
        }
        return crops;
    }

    /** Puts a batch in front, and drops the oldest: (groups, assigned crops, groupSize, D). */
    void push(NDArray batch) {
        long row = group * features;
        long blocks = rows.size() / (steps * row);
        try (NDManager scope = flat.getManager().newSubManager()) {
            NDArray byStep = TorchOps.view(scope, flat, 0, blocks, steps, row);
            NDArray newest = batch.reshape(new Shape(blocks, 1, row));
            newest.attach(scope);
            if (steps == 1) {
                TorchOps.copy(newest, byStep);
                return;
            }
            NDArray kept = byStep.get(":, :" + (steps - 1));
            kept.attach(scope);
            TorchOps.copy(TorchOps.concat(scope, List.of(newest, kept), 1), byStep);
        }
    }
}
