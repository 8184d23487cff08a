package io.swav.conformance;

import java.util.Locale;

/**
 * One comparison with the fixtures.
 *
 * @param name file, case, world size, quantity
 * @param error measured; NaN if it could not be measured
 * @param tolerance the largest error that passes
 * @param note the reason of a failure, or the position of the largest error; may be empty
 */
public record GoldenCase(String name, CaseOutcome outcome, double error, double tolerance, String note) {
    /** The outcome of a comparison. */
    public enum CaseOutcome {
        PASSED,
        FAILED,
        SKIPPED
    }

    /** Passed if {@code error} is at most {@code tolerance}; NaN fails. */
    public static GoldenCase compared(String name, double error, double tolerance, String note) {
        return new GoldenCase(
                name, error <= tolerance ? CaseOutcome.PASSED : CaseOutcome.FAILED, error, tolerance, note);
    }

    public static GoldenCase failed(String name, String why) {
        return new GoldenCase(name, CaseOutcome.FAILED, Double.NaN, Double.NaN, why);
    }

    public static GoldenCase skipped(String name, String why) {
        return new GoldenCase(name, CaseOutcome.SKIPPED, Double.NaN, Double.NaN, why);
    }

    /** Formats the case as one line of output. */
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
