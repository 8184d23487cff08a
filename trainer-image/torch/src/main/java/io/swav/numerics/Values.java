package io.swav.numerics;

/** Fixed values between -1 and 1 that use all bits of a float's fraction: the same on every machine. */
final class Values {
    private Values() {}

    /** A linear congruential sequence (Knuth, "The Art of Computer Programming" volume 2, 3.3.4, line 26). */
    static float[] of(int count, int seed) {
        float[] values = new float[count];
        int state = seed;
        for (int i = 0; i < count; i++) {
            state = state * 1664525 + 1013904223;
            values[i] = (state >> 7) * 0x1p-24f;
        }
        return values;
    }
}
