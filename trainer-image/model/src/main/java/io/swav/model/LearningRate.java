package io.swav.model;

import io.swav.api.TrainingSpec;

/**
 * The learning rate of every global step: a linear warm-up that reaches {@code base} on its last step, then half a
 * cosine from {@code base} towards {@code last}. It does not depend on the world size or on per-rank iterations.
 *
 * @param start rate of step 0 if there is a warm-up
 * @param base rate at the top
 * @param last rate that the cosine approaches
 * @param warmupSteps steps of warm-up, 0 for none
 * @param steps steps of the whole run
 */
public record LearningRate(double start, double base, double last, long warmupSteps, long steps) {
    public LearningRate {
        if (warmupSteps < 0 || steps < warmupSteps) {
            throw new IllegalArgumentException(
                    "a warm-up of " + warmupSteps + " steps does not fit into " + steps + " steps");
        }
    }

    /**
     * Returns the schedule of a job.
     *
     * @param stepsPerEpoch global batches in an epoch
     * @param steps steps of the run; a warm-up longer than the run is cut to it
     */
    public static LearningRate of(TrainingSpec.Optimizer optimizer, long stepsPerEpoch, long steps) {
        long warmup = Math.round(optimizer.warmupEpochs() * stepsPerEpoch);
        return new LearningRate(
                optimizer.warmupStart(),
                optimizer.learningRate(),
                optimizer.finalLearningRate(),
                Math.min(warmup, steps),
                steps);
    }

    /** Returns the rate of global step {@code step}, counted from 0. */
    public double at(long step) {
        if (step < warmupSteps) {
            return warmupSteps == 1 ? start : start + (base - start) * step / (warmupSteps - 1);
        }
        double done = (double) (step - warmupSteps) / (steps - warmupSteps);
        return last + 0.5 * (base - last) * (1 + StrictMath.cos(StrictMath.PI * done));
    }
}
