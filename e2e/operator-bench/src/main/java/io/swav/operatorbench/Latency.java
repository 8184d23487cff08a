package io.swav.operatorbench;

import java.util.List;

/**
 * Quantiles of durations, by the nearest rank: each is a duration that was measured.
 *
 * @param count durations measured
 * @param p50 median, seconds; 0 if nothing was measured, as the others
 */
record Latency(int count, double p50, double p99, double max) {
    private static final double MEDIAN = 0.5;
    private static final double HIGH = 0.99;

    static Latency of(List<Double> seconds) {
        List<Double> sorted = seconds.stream().sorted().toList();
        return new Latency(sorted.size(), rank(sorted, MEDIAN), rank(sorted, HIGH), rank(sorted, 1));
    }

    private static double rank(List<Double> sorted, double quantile) {
        return sorted.isEmpty() ? 0 : sorted.get(Math.max(0, (int) Math.ceil(quantile * sorted.size()) - 1));
    }
}
