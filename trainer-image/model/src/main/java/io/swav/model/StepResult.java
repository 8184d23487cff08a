package io.swav.model;

/**
 * The result of one global step; the same on every rank.
 *
 * @param loss mean over the global batch, nats
 * @param prototypePerplexity exp of the entropy of the mean code over the global batch, in [1, K]: how many prototypes
 *     are in use
 * @param agreed minimum of the ranks' votes, given when the step began
 * @param diverged whether the ranks' states differed when the step began: then it must not be applied
 */
public record StepResult(double loss, double prototypePerplexity, long agreed, boolean diverged) {
    /** Creates the result of a step of ranks with equal states. */
    public StepResult(double loss, double prototypePerplexity, long agreed) {
        this(loss, prototypePerplexity, agreed, false);
    }
}
