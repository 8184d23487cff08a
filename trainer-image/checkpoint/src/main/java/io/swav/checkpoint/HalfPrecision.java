package io.swav.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Converts the two kinds of half precision to float32, which represents all of their values. */
public final class HalfPrecision {
    private HalfPrecision() {}

    /**
     * Returns the values as float32, little endian, in a direct buffer of twice the size.
     *
     * @param dtype F16 or BF16
     * @param halves little endian, all of it
     */
    public static ByteBuffer widened(String dtype, ByteBuffer halves) {
        ByteBuffer from = halves.duplicate().clear().order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer wide = ByteBuffer.allocateDirect(Math.multiplyExact(2, from.capacity()))
                .order(ByteOrder.LITTLE_ENDIAN);
        while (from.hasRemaining()) {
            short bits = from.getShort();
            wide.putFloat(dtype.equals("BF16") ? Float.intBitsToFloat(bits << 16) : half(bits));
        }
        return wide.clear();
    }

    /** Converts IEEE 754 binary16. */
    private static float half(short bits) {
        int exponent = bits >> 10 & 31;
        int fraction = bits & 1023;
        float magnitude = exponent == 31
                ? fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN
                : exponent == 0 ? fraction * 0x1p-24f : (1024 + fraction) * (float) Math.scalb(1.0, exponent - 25);
        return bits < 0 ? -magnitude : magnitude;
    }
}
