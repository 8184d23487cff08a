package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import java.util.List;
import java.util.Map;

/**
 * One network and its optimizer, as the step loop drives them: three calls a step, with no collective in the last one.
 */
public interface TrainStep extends AutoCloseable {
    /**
     * Runs a small step that changes nothing, so that the first real step, for which other ranks wait, takes no longer
     * than any other: kernels are chosen and code is compiled here.
     *
     * @return the fingerprint of the gradients' bits, 16 hexadecimal digits
     */
    String warmUp(CropSource crops);

    /**
     * Runs forward and backward over this rank's groups, and compares the ranks' states, see {@link
     * StepResult#diverged}. A failure here or in {@link #averageGradients} leaves the
     * state as it was.
     *
     * @param runs every rank's groups, in rank order
     * @param step global steps applied so far
     * @param vote a number from this rank, exact as a double; the minimum over all ranks is in the result
     */
    void lossAndGradients(CropSource crops, GroupRange[] runs, Collective collective, long step, long vote);

    /**
     * Waits for gradients, statistics and loss summed over all ranks.
     *
     * @throws NotFiniteException on every rank alike if a value is NaN or infinite; the step can be computed again
     */
    StepResult averageGradients();

    /**
     * Searches for the origin of values that are not finite: in the state, then in each of this rank's groups by itself,
     * without other ranks. It changes nothing, and takes as long as a step.
     *
     * @param crops of the step
     * @param own this rank's groups
     * @return what was found, one entry for each group; empty if each group is finite by itself
     */
    List<NotFiniteValue> inspect(CropSource crops, GroupRange own, long step);

    /** Sets the state to that before the first step. */
    void reset();

    /** Publishes the step whose gradients were averaged. */
    void apply();

    /** Returns the network, for its evaluation. */
    Model network();

    /** Returns all state in a fixed order, for broadcast; writing to the arrays changes it. */
    List<NDArray> state();

    /** Returns parameters and batch-norm statistics by name; writing to the arrays changes the state. */
    Map<String, NDArray> model();

    /**
     * Returns what the training carries from step to step beside the model, by name: the optimizer's momentum, and the
     * queue if there is one. Writing to the arrays changes the state.
     */
    Map<String, NDArray> optimizer();

    /**
     * Returns 32 bytes computed over {@link #state}, which tell two states apart. It is fast, because all ranks wait
     * for it.
     */
    byte[] digest();

    @Override
    void close();
}
