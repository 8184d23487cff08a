package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.evaluation.Evaluation;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** One model and its optimizer, as the step loop drives them: three calls a step, no collective in the last. */
public interface TrainStep extends AutoCloseable {
    /** One array for each resolution of a group, as {@link io.swav.data.CropBatches#group} says. */
    @FunctionalInterface
    interface CropSource {
        List<NDArray> group(NDManager manager, int group);
    }

    /**
     * What a step showed; the same on every rank.
     *
     * @param loss mean over the global batch, nats
     * @param prototypePerplexity exp of the entropy of the mean code, in [1, K]
     * @param agreed smallest of the words that the ranks said when the step began
     */
    record Outcome(double loss, double prototypePerplexity, long agreed) {}

    /**
     * A small step on its own that changes nothing, so that the first real one, for which others wait, takes no longer
     * than any other: kernels are chosen, code is compiled.
     */
    void warmUp(CropSource crops);

    /**
     * Forward and backward of this rank's groups. A failure here or in {@link #averageGradients} leaves the state as
     * it was.
     *
     * @param runs every rank's groups, in rank order
     * @param step global steps applied so far
     * @param word what this rank says, see {@link StepVote}
     */
    void lossAndGradients(CropSource crops, GroupRange[] runs, Collective collective, long step, long word);

    Outcome averageGradients(Collective collective);

    /** Publishes the step that began as {@code step}. */
    void apply(long step);

    /** kNN top-1 of the backbone as it is, in percent; see {@link Evaluation#quickKnn}. */
    double evaluate(Evaluation evaluation, BooleanSupplier stop);

    /** All state in a fixed order, for broadcast; writing to the arrays changes it. */
    List<NDArray> state();

    /** Parameters and batch-norm statistics by name; writing to the arrays changes the state. */
    Map<String, NDArray> model();

    /** What the optimizer carries from step to step, by name; writing to the arrays changes the state. */
    Map<String, NDArray> optimizer();

    /** 32 bytes over those of {@link #state}, to tell two states apart; quick, since all wait for it. */
    byte[] digest();

    @Override
    void close();
}
