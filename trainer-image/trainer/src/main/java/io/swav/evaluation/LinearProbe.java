package io.swav.evaluation;

import io.swav.common.KeyedRandom;
import java.util.Arrays;

/**
 * A linear classifier on frozen features: softmax regression by SGD with momentum, with the learning rate following
 * half a cosine over the epochs (SwAV paper, appendix on linear evaluation). Features are computed once, from the
 * center view, instead of from fresh random crops in every epoch: faster, and slightly less accurate than the paper's
 * protocol.
 */
public record LinearProbe(int epochs, double learningRate, double momentum, double weightDecay, int batch, long seed)
        implements Evaluation.Classifier {
    /** SwAV's settings; the learning rate is for batch 256. */
    public static final LinearProbe DEFAULT = new LinearProbe(100, 0.3, 0.9, 1e-6, 256, 31);

    @Override
    public double top1(FeatureMatrix train, FeatureMatrix test) {
        int classes = Math.max(train.classes(), test.classes());
        int width = train.width();
        float[] weights = new float[classes * (width + 1)]; // the last of each row is the bias
        float[] velocity = new float[weights.length];
        float[] gradient = new float[weights.length];
        double[] scores = new double[classes];
        int[] order = new int[train.rows()];
        Arrays.setAll(order, i -> i);
        for (int epoch = 0; epoch < epochs; epoch++) {
            float rate = (float) (learningRate * 0.5 * (1 + Math.cos(Math.PI * epoch / epochs)));
            shuffle(order, KeyedRandom.of(seed, epoch));
            for (int from = 0; from < order.length; from += batch) {
                int to = Math.min(from + batch, order.length);
                Arrays.fill(gradient, 0);
                for (int i = from; i < to; i++) {
                    addGradient(train, order[i], weights, scores, gradient, 1.0 / (to - from));
                }
                for (int i = 0; i < weights.length; i++) {
                    velocity[i] = (float) (momentum * velocity[i] + gradient[i] + weightDecay * weights[i]);
                    weights[i] -= rate * velocity[i];
                }
            }
        }
        int correct = 0;
        for (int row = 0; row < test.rows(); row++) {
            score(test, row, weights, scores);
            int best = 0;
            for (int c = 1; c < classes; c++) {
                best = scores[c] > scores[best] ? c : best;
            }
            correct += best == test.label(row) ? 1 : 0;
        }
        return 100.0 * correct / test.rows();
    }

    private static void addGradient(
            FeatureMatrix train, int row, float[] weights, double[] scores, float[] gradient, double scale) {
        score(train, row, weights, scores);
        double max = Arrays.stream(scores).max().orElseThrow();
        double sum = 0;
        for (int c = 0; c < scores.length; c++) {
            scores[c] = Math.exp(scores[c] - max);
            sum += scores[c];
        }
        int width = train.width();
        float[] values = train.values();
        int first = row * width;
        for (int c = 0; c < scores.length; c++) {
            float slope = (float) (scale * (scores[c] / sum - (c == train.label(row) ? 1 : 0)));
            int at = c * (width + 1);
            for (int i = 0; i < width; i++) {
                gradient[at + i] += slope * values[first + i];
            }
            gradient[at + width] += slope;
        }
    }

    private static void score(FeatureMatrix features, int row, float[] weights, double[] scores) {
        int width = features.width();
        float[] values = features.values();
        int first = row * width;
        for (int c = 0; c < scores.length; c++) {
            int at = c * (width + 1);
            float sum = weights[at + width];
            for (int i = 0; i < width; i++) {
                sum += weights[at + i] * values[first + i];
            }
            scores[c] = sum;
        }
    }

    private static void shuffle(int[] order, KeyedRandom random) {
        for (int i = order.length - 1; i > 0; i--) {
            int j = random.below(i + 1);
            int swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
    }
}
