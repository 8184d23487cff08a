package io.swav.model;

import java.util.BitSet;
import java.util.OptionalDouble;

/**
 * Whether the network learns, over the assigned crops of one global batch. All but {@code featureRank} come from sums over
 * the batch, so they do not depend on the world. None is constant by construction, as the perplexity of Sinkhorn's codes is.
 *
 * @param spread of the embedding: standard deviation of each of its D dimensions, mean over them, times √D; about 1 if
 *     embeddings point everywhere, 0 if all are equal
 * @param perplexity exp of the entropy of the mean prediction, in [1, K]; predictions are softmax(scores/τ)
 * @param entropy mean entropy of a prediction, nats, at most ln K
 * @param gradientNorm Euclidean norm of the gradients of all parameters that the step changes
 * @param chosen prototypes that are the argmax of some crop; not to be changed
 * @param featureRank RankMe of the backbone's features of up to 128 crops of group 0; only in some steps, only on rank 0
 */
public record StepHealth(
        double spread,
        double perplexity,
        double entropy,
        double gradientNorm,
        BitSet chosen,
        OptionalDouble featureRank) {

    /** Elements of what follows the sums in the layout: the summed entropy, and zeros. */
    private static final int LAST = 16;

    /**
     * Returns the mutual information of image and prototype, nats: the entropy of the mean prediction less the mean entropy
     * of predictions. It is 0 if all images get the same prediction.
     */
    public double information() {
        return Math.max(0, Math.log(perplexity) - entropy);
    }

    /**
     * Returns the elements of the sums: [predictions (K) | crops whose argmax it is (K) | embeddings (D) | their squares (D)
     * | entropy of predictions].
     */
    static long size(long prototypes, long features) {
        return 2 * (prototypes + features) + LAST;
    }

    /**
     * Computes the figures.
     *
     * @param sums in the layout of {@link #size}, all finite
     * @param crops that were summed
     */
    static StepHealth of(
            double[] sums,
            long prototypes,
            long features,
            long crops,
            double gradientNorm,
            OptionalDouble featureRank) {
        int k = (int) prototypes;
        int d = (int) features;
        BitSet chosen = new BitSet(k);
        for (int i = 0; i < k; i++) {
            chosen.set(i, sums[k + i] > 0);
        }
        double deviations = 0;
        for (int i = 2 * k; i < 2 * k + d; i++) {
            double mean = sums[i] / crops;
            deviations += Math.sqrt(Math.max(0, sums[i + d] / crops - mean * mean));
        }
        return new StepHealth(
                deviations / Math.sqrt(d),
                Math.exp(entropy(sums, 0, k)),
                sums[2 * (k + d)] / crops,
                gradientNorm,
                chosen,
                featureRank);
    }

    /** Returns the entropy, nats, of the distribution that is proportional to a range of non-negative values. */
    static double entropy(double[] values, int from, int to) {
        double mass = 0;
        for (int i = from; i < to; i++) {
            mass += values[i];
        }
        double entropy = 0;
        for (int i = from; i < to; i++) {
            double share = values[i] / mass;
            entropy -= share > 0 ? share * Math.log(share) : 0;
        }
        return entropy;
    }
}
