package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;

/** The crops of any group of any step; what they are depends on (seed, step, group) alone, never on the world. */
public interface CropBatches extends AutoCloseable {
    /** Samples in the data set. */
    long samples();

    /** Whole global batches in an epoch; the rest of the permutation is dropped. */
    long stepsPerEpoch();

    /** Undecodable pictures skipped so far by this process (each replaced by the next sample of its permutation). */
    long skipped();

    /**
     * Crops of one group of step {@code step}, decoded ahead of need where {@link #expect} said so.
     *
     * @return one array a resolution, in the order of spec.crops: FLOAT32 (count·groupSize, 3, size, size), crop-major
     *     (rows [c·groupSize, (c+1)·groupSize) are crop c), normalised, attached to {@code manager}
     */
    List<NDArray> group(NDManager manager, long step, int group);

    /**
     * Indices of the samples of one group, one a row; a picture that cannot be decoded stands for the one that
     * replaces it.
     */
    int[] samples(long step, int group);

    /** Says which groups this rank will ask for from {@code step} on, so that they can be prepared ahead. */
    void expect(long step, int fromGroup, int toGroup);

    @Override
    void close();
}
