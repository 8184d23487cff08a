package io.swav.model;

/** Training diverged: the loss or a gradient is NaN or infinite. The state is that of the last good step. */
@SuppressWarnings("serial")
public final class NotFiniteException extends RuntimeException {
    NotFiniteException(String what, long step) {
        super(what + " at step " + step + " is not finite: training diverged. What helps: a lower "
                + "training.optimizer.learningRate or a longer warm-up (warmupEpochs), assignment.epsilon not below 0.03, "
                + "prototypes frozen for longer (training.prototypesFrozenSteps)");
    }
}
