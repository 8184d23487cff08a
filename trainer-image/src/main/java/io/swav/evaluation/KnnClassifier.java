package io.swav.evaluation;

import java.util.Arrays;

/**
 * Weighted nearest neighbours by cosine similarity (Wu et al.: "Unsupervised feature learning via non-parametric instance
 * discrimination", 2018, section 3.4): each of the k nearest training pictures votes for its class with weight
 * exp(similarity / temperature).
 *
 * @param k neighbours
 */
public record KnnClassifier(int k, double temperature) implements Evaluation.Classifier {
    /** What every figure of this project uses unless it says otherwise. */
    public static final KnnClassifier DEFAULT = new KnnClassifier(20, 0.07);

    public KnnClassifier {
        if (k < 1 || temperature <= 0) {
            throw new IllegalArgumentException(
                    "k is " + k + ", temperature " + temperature + ": both must be positive");
        }
    }

    @Override
    public double top1(FeatureMatrix train, FeatureMatrix test) {
        return top1OfNormalised(train.normalised(), test.normalised());
    }

    private double top1OfNormalised(FeatureMatrix train, FeatureMatrix test) {
        int neighbours = Math.min(k, train.rows());
        int right = 0;
        for (int row = 0; row < test.rows(); row++) {
            right += classify(train, test, row, neighbours) == test.label(row) ? 1 : 0;
        }
        return 100.0 * right / test.rows();
    }

    private int classify(FeatureMatrix train, FeatureMatrix test, int row, int neighbours) {
        // nearest first; equal similarities keep the order of rows
        float[] best = new float[neighbours];
        int[] labels = new int[neighbours];
        Arrays.fill(best, Float.NEGATIVE_INFINITY);
        for (int i = 0; i < train.rows(); i++) {
            float similarity = train.dot(i, test, row);
            if (similarity > best[neighbours - 1]) {
                int at = neighbours - 1;
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
        for (int i = 0; i < neighbours; i++) {
            votes[labels[i]] += Math.exp((best[i] - 1) / temperature);
        }
        int winner = 0;
        for (int c = 1; c < votes.length; c++) {
            winner = votes[c] > votes[winner] ? c : winner;
        }
        return winner;
    }
}
