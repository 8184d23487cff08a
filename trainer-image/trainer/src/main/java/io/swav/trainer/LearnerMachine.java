package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.evaluation.Evaluation;
import io.swav.model.Learner;
import io.swav.model.LearningRate;
import io.swav.model.StepResult;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** SwAV's {@link Learner}, run with each step's learning rate. */
public record LearnerMachine(Learner learner, LearningRate rate) implements TrainStep {
    @Override
    public void warmUp(GroupCrops crops) {
        learner.warmUp(crops::group);
    }

    @Override
    public void lossAndGradients(GroupCrops crops, GroupRange[] runs, Collective collective, long step, long vote) {
        learner.lossAndGradients(crops::group, runs, collective, step, vote);
    }

    @Override
    public StepOutcome averageGradients(Collective collective) {
        StepResult result = learner.averageGradients();
        return new StepOutcome(result.loss(), result.prototypePerplexity(), result.agreed());
    }

    @Override
    public void apply(long step) {
        learner.apply(rate.at(step));
    }

    @Override
    public double evaluate(Evaluation evaluation, BooleanSupplier stop) {
        return evaluation.quickKnn(learner.model(), stop);
    }

    @Override
    public List<NDArray> state() {
        return learner.state();
    }

    @Override
    public Map<String, NDArray> model() {
        return learner.model().state();
    }

    @Override
    public Map<String, NDArray> optimizer() {
        return learner.optimizer();
    }

    @Override
    public byte[] digest() {
        return learner.digest();
    }

    @Override
    public void close() {
        learner.close();
    }
}
