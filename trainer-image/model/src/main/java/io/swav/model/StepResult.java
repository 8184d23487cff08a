package io.swav.model;

import java.util.Optional;

/**
 * The result of one global step; the same on every rank, except the feature rank in {@code health}.
 *
 * @param loss mean over the global batch, nats
 * @param health whether the network learns; empty if it was not computed
 * @param agreed minimum of the ranks' votes, given when the step began
 * @param diverged whether the ranks' states differed when the step began: then it must not be applied
 */
public record StepResult(double loss, Optional<StepHealth> health, long agreed, boolean diverged) {
    /** Creates the result of a step of ranks with equal states, without health. */
    public StepResult(double loss, long agreed) {
        this(loss, Optional.empty(), agreed, false);
    }
}
