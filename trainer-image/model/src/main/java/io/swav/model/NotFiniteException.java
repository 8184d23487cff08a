package io.swav.model;

/**
 * Reports that training diverged: the loss or a gradient is NaN or infinite. The state is that of the last good step.
 */
@SuppressWarnings("serial")
public final class NotFiniteException extends RuntimeException {
    NotFiniteException(String what, long step) {
        super(what + " at step " + step + " is not finite: training diverged. Try a lower "
                + "training.optimizer.learningRate, a longer warm-up (warmupEpochs), assignment.epsilon of at least "
                + "0.03, or freezing the prototypes for longer (training.prototypesFrozenSteps)");
    }
}
