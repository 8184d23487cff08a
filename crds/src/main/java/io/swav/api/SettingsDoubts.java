package io.swav.api;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/** Finds settings that are valid and rarely end well; docs/learning.md says on which runs that rests. */
public final class SettingsDoubts {
    /** The paper's rate for each image of a global batch: 4.8 at 4096; 0.6 at 256 is twice as much. */
    private static final double RATE_EACH = 4.8 / 4096;
    /** The quickstart's rate is 20 times the paper's, and learns. */
    private static final double RATE_FACTOR = 40;

    private SettingsDoubts() {}

    /**
     * Returns a sentence for each doubt, with the setting to change.
     *
     * @param spec with its defaults, valid
     * @param steps of the job, if they are known: its data has been opened
     */
    public static List<String> of(SwavJobSpec spec, OptionalLong steps) {
        List<String> doubts = new ArrayList<>();
        TrainingSpec training = spec.training();
        int batch = training.globalBatch();
        long crops = (long) batch * spec.crops().get(0).count();
        int prototypes = spec.model().prototypes();
        boolean queue = spec.assignment().queue() != null;
        if (prototypes > 8 * crops && !queue) {
            doubts.add("model.prototypes " + prototypes + " is more than eight times the " + crops
                    + " crops with codes of a global batch: lower it to " + crops
                    + ", raise training.globalBatch, or set assignment.mode Queue");
        }
        long frozen = training.prototypesFrozenSteps();
        Long most = training.maxSteps();
        OptionalLong length = steps.isPresent() ? steps : most == null ? OptionalLong.empty() : OptionalLong.of(most);
        if (length.isPresent() && frozen > 0 && frozen >= length.getAsLong()) {
            doubts.add("training.prototypesFrozenSteps " + frozen + " is no less than the " + length.getAsLong()
                    + " steps of the job, so prototypes never learn: lower it to "
                    + Math.max(1, length.getAsLong() / 20));
        }
        double rate = training.optimizer().learningRate();
        if (rate > RATE_FACTOR * RATE_EACH * batch) {
            doubts.add("training.optimizer.learningRate " + rate + " is more than 40 times the paper's for a batch of "
                    + batch + ": try " + shown(RATE_EACH * 2 * batch));
        }
        Integer span = training.batchNorm().groupSize();
        if (training.groupSize() == 1 && (span == null || span == 1)) {
            doubts.add("training.groupSize is 1, so batch norm sees one image at a time: raise it to 32, or set"
                    + " training.batchNorm.groupSize to a multiple of it");
        }
        if (spec.assignment().epsilon() < .01) {
            doubts.add(
                    "assignment.epsilon " + spec.assignment().epsilon()
                            + " makes codes one-hot from the first step, which no published recipe does throughout: raise it to 0.05");
        }
        return doubts;
    }

    private static double shown(double rate) {
        return Math.round(rate * 1000) / 1000.0;
    }
}
