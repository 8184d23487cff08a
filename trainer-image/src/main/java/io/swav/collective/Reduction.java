package io.swav.collective;

import ai.djl.ndarray.types.DataType;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;

/**
 * Elementwise {@code into = into ∘ other} over raw memory. Works in blocks of heap arrays that fit the first-level
 * cache, because the JIT vectorises loops over arrays but not over buffers.
 */
enum Reduction {
    SUM,
    MIN;

    private static final int BLOCK = 2048;

    void apply(ByteBuffer into, ByteBuffer other, DataType type) {
        switch (type) {
            case FLOAT32 -> floats(into.asFloatBuffer(), other.asFloatBuffer());
            case FLOAT64 -> doubles(into.asDoubleBuffer(), other.asDoubleBuffer());
            case INT64 -> longs(into.asLongBuffer(), other.asLongBuffer());
            default -> throw new IllegalArgumentException("no reduction over " + type);
        }
    }

    private void floats(FloatBuffer into, FloatBuffer other) {
        float[] a = new float[BLOCK];
        float[] b = new float[BLOCK];
        for (int at = 0, end = into.capacity(); at < end; at += BLOCK) {
            int n = Math.min(BLOCK, end - at);
            into.get(at, a, 0, n);
            other.get(at, b, 0, n);
            if (this == SUM) {
                for (int i = 0; i < n; i++) {
                    a[i] += b[i];
                }
            } else {
                for (int i = 0; i < n; i++) {
                    a[i] = Math.min(a[i], b[i]);
                }
            }
            into.put(at, a, 0, n);
        }
    }

    private void doubles(DoubleBuffer into, DoubleBuffer other) {
        double[] a = new double[BLOCK];
        double[] b = new double[BLOCK];
        for (int at = 0, end = into.capacity(); at < end; at += BLOCK) {
            int n = Math.min(BLOCK, end - at);
            into.get(at, a, 0, n);
            other.get(at, b, 0, n);
            if (this == SUM) {
                for (int i = 0; i < n; i++) {
                    a[i] += b[i];
                }
            } else {
                for (int i = 0; i < n; i++) {
                    a[i] = Math.min(a[i], b[i]);
                }
            }
            into.put(at, a, 0, n);
        }
    }

    private void longs(LongBuffer into, LongBuffer other) {
        for (int i = 0; i < into.capacity(); i++) {
            long a = into.get(i);
            long b = other.get(i);
            into.put(i, this == SUM ? a + b : Math.min(a, b));
        }
    }
}
