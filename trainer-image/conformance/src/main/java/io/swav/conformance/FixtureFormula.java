package io.swav.conformance;

import ai.djl.ndarray.types.Shape;

/**
 * Computes weights and inputs from a counter, as the fixtures' README defines them, so that no weights need to be
 * stored.
 */
record FixtureFormula(long seed) {
    private static final int INPUTS = 10_000;
    private static final double SPREAD = Math.sqrt(12);

    /** The {@code i}-th number of tensor {@code t}, uniform in [-.5, .5). */
    double uniform(long t, long i) {
        long z = seed * 0x100000001B3L + t * 0xD1B54A32D192ED03L + (i + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return (z >>> 11) * 0x1p-53 - 0.5;
    }

    float[] input(Shape shape, int crop) {
        return fill(shape, INPUTS + crop, 0, SPREAD);
    }

    /** @param position of the tensor in the state dict */
    float[] weight(String name, Shape shape, int position) {
        if (name.endsWith(".num_batches_tracked")) {
            return fill(shape, position, 0, 0);
        }
        if (name.endsWith(".running_mean")) {
            return fill(shape, position, 0, 0.1);
        }
        if (name.endsWith(".running_var")) {
            return fill(shape, position, 1, 0.5);
        }
        if (shape.dimension() == 4) {
            double fan = (double) shape.get(0) * shape.get(2) * shape.get(3);
            return fill(shape, position, 0, SPREAD * Math.sqrt(2 / fan));
        }
        if (shape.dimension() == 2) {
            return fill(shape, position, 0, SPREAD / Math.sqrt((double) shape.get(1)));
        }
        if (name.startsWith("projection_head.0.") || name.startsWith("projection_head.3.")) {
            return fill(shape, position, 0, 0.1);
        }
        return name.endsWith(".weight") ? fill(shape, position, 1, 0.2) : fill(shape, position, 0, 0.2);
    }

    private float[] fill(Shape shape, long t, double base, double scale) {
        float[] values = new float[Math.toIntExact(shape.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (base + scale * uniform(t, i));
        }
        return values;
    }
}
