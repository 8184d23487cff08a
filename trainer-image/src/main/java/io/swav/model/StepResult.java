package io.swav.model;

/**
 * What one global step showed; the same on every rank.
 *
 * @param loss mean over the global batch, nats
 * @param prototypePerplexity exp of the entropy of the mean code over the global batch, in [1, K]: how many prototypes
 *     are in use
 * @param agreed smallest of the words that the ranks said when the step began
 */
public record StepResult(double loss, double prototypePerplexity, long agreed) {}
