package io.swav.conformance;

import java.util.Locale;

/**
 * One comparison with the fixtures.
 *
 * @param name file, case, world size, quantity
 * @param error measured; NaN where nothing could be
 * @param tolerance largest error that passes
 * @param note what went wrong, or where the error is largest; may be empty
 */
public record GoldenCase(String name, Outcome outcome, double error, double tolerance, String note) {
    /** What came of it. */
    public enum Outcome {
        PASSED,
        FAILED,
        SKIPPED
    }

    /** Passed when {@code error} is at most {@code tolerance}; a NaN is not. */
    public static GoldenCase compared(String name, double error, double tolerance, String note) {
        return new GoldenCase(name, error <= tolerance ? Outcome.PASSED : Outcome.FAILED, error, tolerance, note);
    }

    public static GoldenCase failed(String name, String why) {
        return new GoldenCase(name, Outcome.FAILED, Double.NaN, Double.NaN, why);
    }

    public static GoldenCase skipped(String name, String why) {
        return new GoldenCase(name, Outcome.SKIPPED, Double.NaN, Double.NaN, why);
    }

    /** One line for people. */
    public String line() {
        String label = switch (outcome) {
            case PASSED -> "ok  ";
            case FAILED -> "FAIL";
            case SKIPPED -> "skip";
        };
        String numbers = Double.isNaN(tolerance)
                ? ""
                : String.format(Locale.ROOT, "  error %.2e, tolerance %.0e", error, tolerance);
        return label + "  " + name + numbers + (note.isEmpty() ? "" : "  (" + note + ")");
    }
}
