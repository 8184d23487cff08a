package io.swav.model;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;

/**
 * Reports that a value of a step is NaN or infinite. Nothing has changed: the state is that of the last good step, and the
 * step can be computed again.
 */
@SuppressWarnings("serial")
public final class NotFiniteException extends TrainerExitException {
    /** What a user can change about a step that stays NaN or infinite. */
    public static final String ADVICE = "try a lower training.optimizer.learningRate, a longer warm-up (warmupEpochs),"
            + " assignment.epsilon of at least 0.03, or freezing the prototypes for longer"
            + " (training.prototypesFrozenSteps)";

    private final String what;

    /**
     * Creates the report of one step.
     *
     * @param what is not finite, for example "the loss"
     * @param step global steps applied when it was begun
     */
    public NotFiniteException(String what, long step) {
        super(ExitCodes.NOT_FINITE, what + " at step " + step + " is not finite: training diverged; " + ADVICE);
        this.what = what;
    }

    /** Returns what is not finite. */
    public String what() {
        return what;
    }
}
