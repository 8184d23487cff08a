package io.swav.evaluation;

import java.util.Arrays;

/**
 * Weighted nearest neighbors by cosine similarity (Wu et al.: "Unsupervised feature learning via non-parametric
 * instance discrimination", 2018, section 3.4): each of the k nearest training images votes for its class with weight
 * exp(similarity / temperature).
 *
 * @param k number of neighbors
 */
public record KnnClassifier(int k, double temperature) implements Evaluation.Classifier {
    /** The settings of every result in this project unless stated otherwise. */
    public static final KnnClassifier DEFAULT = new KnnClassifier(20, 0.07);

    public KnnClassifier {
        if (k < 1 || temperature <= 0) {
            throw new IllegalArgumentException(
                    "k is " + k + ", temperature " + temperature + ": both must be positive");
        }
    }

    @Override
    public double top1(FeatureMatrix train, FeatureMatrix test) {
        return top1OfNormalized(train.normalized(), test.normalized());
    }

    private double top1OfNormalized(FeatureMatrix train, FeatureMatrix test) {
        int neighbors = Math.min(k, train.rows());
        int correct = 0;
        for (int row = 0; row < test.rows(); row++) {
            correct += classify(train, test, row, neighbors) == test.label(row) ? 1 : 0;
        }
        return 100.0 * correct / test.rows();
    }

    private int classify(FeatureMatrix train, FeatureMatrix test, int row, int neighbors) {
        // nearest first; equal similarities keep the order of rows
        float[] best = new float[neighbors];
        int[] labels = new int[neighbors];
        Arrays.fill(best, Float.NEGATIVE_INFINITY);
        for (int i = 0; i < train.rows(); i++) {
            float similarity = train.dot(i, test, row);
            if (similarity > best[neighbors - 1]) {
                int at = neighbors - 1;
                while (at > 0 && best[at - 1] < similarity) {
                    best[at] = best[at - 1];
                    labels[at] = labels[at - 1];
                    at--;
                }
                best[at] = similarity;
                labels[at] = train.label(i);
            }
        }
        double[] votes = new double[train.classes()];
        for (int i = 0; i < neighbors; i++) {
            votes[labels[i]] += Math.exp((best[i] - 1) / temperature);
        }
        int winner = 0;
        for (int c = 1; c < votes.length; c++) {
            winner = votes[c] > votes[winner] ? c : winner;
        }
        return winner;
    }
}
