package io.swav.numerics;

import java.util.Locale;

/**
 * The distance of a kernel's output from plain arithmetic.
 *
 * @param kernel the kernel, its shape, and which of its outputs
 * @param error the largest error, relative to the sizes of the numbers that were added up; infinite for a NaN
 * @param allowed the largest error that rounding explains
 */
public record Deviation(String kernel, double error, double allowed) {
    /** Whether rounding does not explain this error. */
    public boolean isWrong() {
        return !(error <= allowed);
    }

    /** "convolution 3x3, 64 to 64 channels, output: error 2.3e-02, allowed 1e-06". */
    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s: error %.1e, allowed %.0e", kernel, error, allowed);
    }
}
