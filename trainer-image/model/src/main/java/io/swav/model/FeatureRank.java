package io.swav.model;

/**
 * RankMe (Garrido et al. 2023): exp of the entropy of singular values that are divided by their sum. It is the number of
 * directions that features use: near 1 if all are alike, at most the number of values.
 */
final class FeatureRank {
    private FeatureRank() {}

    /** Returns the rank; 1 if all values are 0. */
    static double of(double[] singularValues) {
        double sum = 0;
        for (double value : singularValues) {
            sum += value;
        }
        return sum > 0 ? Math.exp(StepHealth.entropy(singularValues, 0, singularValues.length)) : 1;
    }
}
