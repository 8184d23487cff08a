package io.swav.learning;

import io.swav.api.SwavJobSpec;

/**
 * What the doctor knows about a job beside its history.
 *
 * @param prototypes K
 * @param batch images of a global batch
 * @param crops assigned crops of a global batch
 * @param frozenSteps steps in which prototypes take no gradient
 * @param warmupSteps steps in which the learning rate rises
 * @param steps of the whole job
 * @param learningRate the highest one
 * @param epsilon ε of Sinkhorn
 * @param temperature τ of the loss
 * @param workers threads that make crops
 */
public record LearningContext(
        int prototypes,
        int batch,
        int crops,
        long frozenSteps,
        long warmupSteps,
        long steps,
        double learningRate,
        double epsilon,
        double temperature,
        int workers) {
    /** Derives the context from a spec and the length of the run. */
    public static LearningContext of(SwavJobSpec spec, long steps) {
        double warmup = spec.training().optimizer().warmupEpochs();
        return new LearningContext(
                spec.model().prototypes(),
                spec.training().globalBatch(),
                spec.training().globalBatch() * spec.crops().get(0).count(),
                spec.training().prototypesFrozenSteps(),
                Math.min(steps, Math.round(warmup * steps / spec.training().epochs())),
                steps,
                spec.training().optimizer().learningRate(),
                spec.assignment().epsilon(),
                spec.assignment().temperature(),
                spec.data().workers());
    }

    /** Returns ln K, nats. */
    double chance() {
        return Math.log(prototypes);
    }
}
