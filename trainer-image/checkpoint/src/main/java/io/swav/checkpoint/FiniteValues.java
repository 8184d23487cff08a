package io.swav.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.OptionalLong;

/**
 * Finds NaN and infinity among the values of a tensor. Their exponents are all ones, so adding a one at the exponent's
 * lowest bit carries into the place of the sign, and an OR over all sums shows whether one did. Such a loop over an
 * array is vectorized.
 */
public final class FiniteValues {
    /** Values that are looked at together; they stay in the processor's first cache. */
    private static final int BLOCK = 4096;

    private static final int SINGLE = 1 << 23;
    private static final long DOUBLE = 1L << 52;
    private static final int HALF = 1 << 10;
    private static final int BRAIN = 1 << 7;

    private FiniteValues() {}

    /**
     * Returns the index of the first value that is not finite; empty if all are, or if the type has only finite ones.
     *
     * @param dtype of safetensors
     * @param bytes remaining ones are whole values, little endian; the position stays
     */
    public static OptionalLong firstNotFinite(String dtype, ByteBuffer bytes) {
        ByteBuffer values = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        return switch (dtype) {
            case "F32" -> single(values.asIntBuffer());
            case "F64" -> dual(values.asLongBuffer());
            case "F16" -> half(values.asShortBuffer(), HALF);
            case "BF16" -> half(values.asShortBuffer(), BRAIN);
            default -> OptionalLong.empty();
        };
    }

    private static OptionalLong single(IntBuffer values) {
        int[] block = new int[Math.min(BLOCK, values.remaining())];
        while (values.hasRemaining()) {
            int count = Math.min(BLOCK, values.remaining());
            values.get(block, 0, count);
            if (anyNotFinite(block, count)) {
                for (int i = 0; ; i++) {
                    if (!Float.isFinite(Float.intBitsToFloat(block[i]))) {
                        return OptionalLong.of(values.position() - count + i);
                    }
                }
            }
        }
        return OptionalLong.empty();
    }

    private static boolean anyNotFinite(int[] bits, int count) {
        int carried = 0;
        for (int i = 0; i < count; i++) {
            carried |= (bits[i] & Integer.MAX_VALUE) + SINGLE;
        }
        return carried < 0;
    }

    private static OptionalLong dual(LongBuffer values) {
        while (values.hasRemaining()) {
            if ((values.get() & Long.MAX_VALUE) + DOUBLE < 0) {
                return OptionalLong.of(values.position() - 1);
            }
        }
        return OptionalLong.empty();
    }

    private static OptionalLong half(ShortBuffer values, int lowestExponentBit) {
        while (values.hasRemaining()) {
            if ((values.get() & Short.MAX_VALUE) + lowestExponentBit > Short.MAX_VALUE) {
                return OptionalLong.of(values.position() - 1);
            }
        }
        return OptionalLong.empty();
    }
}
