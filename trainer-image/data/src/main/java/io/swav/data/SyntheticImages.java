package io.swav.data;

import io.swav.common.KeyedRandom;

/**
 * Generates images of textured shapes. A class is a pair of a shape and a texture, out of five each, so that neither
 * alone identifies it; position, size, angle, colors, brightness gradient, texture phase and noise vary within a class.
 * Color is independent of the class, although brightness and color are what an untrained network mostly responds to.
 */
final class SyntheticImages {
    static final int MAX_CLASSES = 10;
    private static final int KINDS = 5;
    private static final double NOISE = 10;
    private static final double MAX_TURN = 0.4;
    private static final double TINT = 25;

    private final KeyedRandom random;
    private final int shape;
    private final int texture;
    private final double x;
    private final double y;
    private final double radius;
    private final double cos;
    private final double sin;
    private final double frequency;
    private final double phase;
    private final double[] ink;
    private final double[] paper;
    private final double[] ground;
    private final double slope;

    private SyntheticImages(long seed, long sample, int label) {
        random = KeyedRandom.of(seed, sample);
        shape = label % KINDS;
        texture = (label + 2 * (label / KINDS)) % KINDS;
        x = random.uniform(0.35, 0.65);
        y = random.uniform(0.35, 0.65);
        radius = random.uniform(0.28, 0.45);
        double angle = random.uniform(-MAX_TURN, MAX_TURN);
        cos = StrictMath.cos(angle);
        sin = StrictMath.sin(angle);
        frequency = random.uniform(2.6, 3.6);
        phase = random.uniform(0, 2 * Math.PI);
        ink = color();
        paper = contrasting(ink);
        ground = color();
        slope = random.uniform(-60, 60);
    }

    private double[] color() {
        double light = random.uniform(20, 235);
        return new double[] {
            light + random.uniform(-TINT, TINT),
            light + random.uniform(-TINT, TINT),
            light + random.uniform(-TINT, TINT)
        };
    }

    private double[] contrasting(double[] other) {
        double[] color = color();
        while (Math.abs(luma(color) - luma(other)) < 70) {
            color = color();
        }
        return color;
    }

    private static double luma(double[] c) {
        return 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
    }

    /**
     * Draws one image, which depends on (seed, sample, label) alone.
     *
     * @param label in [0, {@link #MAX_CLASSES})
     * @param size side in pixels
     */
    static FloatImage draw(long seed, long sample, int label, int size) {
        SyntheticImages drawing = new SyntheticImages(seed, sample, label);
        FloatImage image = new FloatImage();
        image.resize(size, size);
        for (int row = 0; row < size; row++) {
            for (int column = 0; column < size; column++) {
                drawing.pixel(image, column, row, size);
            }
        }
        return image;
    }

    /** Averages four samples per pixel, then adds noise. */
    private void pixel(FloatImage image, int column, int row, int size) {
        double[] sum = new double[3];
        for (int part = 0; part < 4; part++) {
            double u = (column + (part % 2 == 0 ? 0.25 : 0.75)) / size;
            double v = (row + (part < 2 ? 0.25 : 0.75)) / size;
            double[] color = colorAt(u, v);
            for (int c = 0; c < 3; c++) {
                sum[c] += color[c] + slope * (u - 0.5);
            }
        }
        for (int c = 0; c < 3; c++) {
            double level = sum[c] / 4 + NOISE * random.gaussian();
            image.planes[c][row * size + column] = (float) Math.rint(Math.max(0, Math.min(255, level)));
        }
    }

    private double[] colorAt(double u, double v) {
        double dx = (u - x) / radius;
        double dy = (v - y) / radius;
        double a = cos * dx + sin * dy;
        double b = cos * dy - sin * dx;
        if (!inside(a, b)) {
            return ground;
        }
        return inked(frequency * Math.PI * a, frequency * Math.PI * b) ? ink : paper;
    }

    private boolean inside(double a, double b) {
        double r = Math.hypot(a, b);
        return switch (shape) {
            case 0 -> r < 1; // disc
            case 1 -> Math.max(Math.abs(a), Math.abs(b)) < 0.85; // square
            case 2 -> b > -0.6 && b < 1 - 1.75 * Math.abs(a); // triangle
            case 3 -> r < 1.05 && r > 0.5; // ring
            default -> Math.min(Math.abs(a), Math.abs(b)) < 0.34 && r < 1.1; // cross
        };
    }

    private boolean inked(double a, double b) {
        double sa = StrictMath.sin(a + phase);
        double sb = StrictMath.sin(b + phase);
        return switch (texture) {
            case 0 -> sa > 0; // stripes
            case 1 -> sa * sb > 0; // checks
            case 2 -> sa + sb > 0.9; // dots
            case 3 -> StrictMath.sin(1.6 * Math.hypot(a, b) + phase) > 0; // circles
            default -> false; // plain
        };
    }
}
