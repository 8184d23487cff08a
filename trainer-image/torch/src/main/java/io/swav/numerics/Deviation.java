package io.swav.numerics;

import java.nio.ByteBuffer;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * The distance of a kernel's output from plain arithmetic, and which bits it consists of.
 *
 * @param kernel the kernel, its shape, and which of its outputs
 * @param error the largest error, relative to the sizes of the numbers that were added up; infinite for a NaN
 * @param allowed the largest error that rounding explains
 * @param bits checksum of the output; two machines may both be right and differ in it
 */
public record Deviation(String kernel, double error, double allowed, long bits) {
    /** Creates a deviation of an output whose bits do not matter. */
    Deviation(String kernel, double error, double allowed) {
        this(kernel, error, allowed, 0);
    }

    static long bits(float[] output) {
        ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * output.length);
        bytes.asFloatBuffer().put(output);
        CRC32C sum = new CRC32C();
        sum.update(bytes);
        return sum.getValue();
    }

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
