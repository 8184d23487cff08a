package io.swav.conformance;

/** Distances between actual and expected values; NaN if lengths differ or a value is NaN. */
final class ErrorMetrics {
    private ErrorMetrics() {}

    static double maxAbsolute(double[] expected, float[] actual) {
        if (expected.length != actual.length) {
            return Double.NaN;
        }
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            double off = Math.abs(expected[i] - actual[i]);
            if (Double.isNaN(off)) {
                return Double.NaN;
            }
            worst = Math.max(worst, off);
        }
        return worst;
    }

    /** ‖actual − expected‖/‖expected‖; the absolute distance if {@code expected} is all zeros. */
    static double relativeL2(double[] expected, float[] actual) {
        if (expected.length != actual.length) {
            return Double.NaN;
        }
        double off = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            off += (expected[i] - actual[i]) * (expected[i] - actual[i]);
            norm += expected[i] * expected[i];
        }
        return norm == 0 ? Math.sqrt(off) : Math.sqrt(off / norm);
    }

    static double relative(double expected, double actual) {
        return expected == 0 ? Math.abs(actual) : Math.abs(actual - expected) / Math.abs(expected);
    }
}
