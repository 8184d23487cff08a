package io.swav.conformance;

/** The largest of several errors, with its position; a NaN is larger than any number. */
final class MaxError {
    private double error;
    private String where = "";

    void add(String place, double value) {
        if (Double.isNaN(value) || (!Double.isNaN(error) && value > error)) {
            error = value;
            where = place;
        }
    }

    double error() {
        return error;
    }

    GoldenCase against(String name, double tolerance) {
        return GoldenCase.compared(name, error, tolerance, where.isEmpty() ? "" : "worst " + where);
    }
}
