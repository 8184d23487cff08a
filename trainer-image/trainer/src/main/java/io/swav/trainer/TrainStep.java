package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.evaluation.Evaluation;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * One model and its optimizer, as the step loop drives them: three calls a step, with no collective in the last one.
 */
public interface TrainStep extends AutoCloseable {
    /** Supplies one array for each resolution of a group, as {@link io.swav.data.CropBatches#group} does. */
    @FunctionalInterface
    interface GroupCrops {
        List<NDArray> group(NDManager manager, int group);
    }

    /**
     * What a step produced; the same on every rank.
     *
     * @param loss mean over the global batch, nats
     * @param prototypePerplexity exp of the entropy of the mean code, in [1, K]
     * @param agreed minimum of the ranks' votes, given when the step began
     */
    record StepOutcome(double loss, double prototypePerplexity, long agreed) {}

    /**
     * Runs a small step that changes nothing, so that the first real step, for which other ranks wait, takes no longer
     * than any other: kernels are chosen and code is compiled here.
     */
    void warmUp(GroupCrops crops);

    /**
     * Runs forward and backward over this rank's groups. A failure here or in {@link #averageGradients} leaves the
     * state as it was.
     *
     * @param runs every rank's groups, in rank order
     * @param step global steps applied so far
     * @param vote this rank's vote, see {@link StepVote}
     */
    void lossAndGradients(GroupCrops crops, GroupRange[] runs, Collective collective, long step, long vote);

    StepOutcome averageGradients(Collective collective);

    /** Publishes the step that began as {@code step}. */
    void apply(long step);

    /** Returns the kNN top-1 accuracy of the current backbone in percent; see {@link Evaluation#quickKnn}. */
    double evaluate(Evaluation evaluation, BooleanSupplier stop);

    /** Returns all state in a fixed order, for broadcast; writing to the arrays changes it. */
    List<NDArray> state();

    /** Returns parameters and batch-norm statistics by name; writing to the arrays changes the state. */
    Map<String, NDArray> model();

    /** Returns what the optimizer carries from step to step, by name; writing to the arrays changes the state. */
    Map<String, NDArray> optimizer();

    /**
     * Returns 32 bytes computed over {@link #state}, which tell two states apart. It is fast, because all ranks wait
     * for it.
     */
    byte[] digest();

    @Override
    void close();
}
