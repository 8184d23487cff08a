package io.swav.data;

import java.util.Arrays;

/**
 * Bilinear resampling that averages when it shrinks: a triangle filter whose support grows with the scale. Pillow's
 * BILINEAR and torch's {@code antialias=True} do this, OpenCV's INTER_LINEAR does not. The filter is separable; the
 * vertical pass comes first, over contiguous rows, and rounds. Sums are added in the order of the input positions. Not
 * safe for use by several threads.
 */
final class Resampler {
    private final float[][] rows = new float[3][0];
    /** For each channel, the source rows that a row mixes: row i at i modulo their number, from the box's left edge on. */
    private final float[][][] source = new float[3][0][0];

    private final Taps vertical = new Taps();
    private final Taps horizontal = new Taps();

    /** Resizes the {@code box} of {@code from} to width x height, flipped left to right if {@code flip} is set. */
    void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height) {
        to.resize(width, height);
        vertical.prepare(box.height(), height);
        horizontal.prepare(box.width(), width);
        if (rows[0].length < box.width() + horizontal.most) {
            Arrays.setAll(rows, c -> new float[box.width() + horizontal.most]);
        }
        if (source[0].length < vertical.most || source[0][0].length < box.width()) {
            Arrays.setAll(source, c -> new float[vertical.most][box.width()]);
        }
        int step = flip ? -1 : 1;
        int copied = 0;
        for (int y = 0; y < height; y++) {
            int end = vertical.first[y] + vertical.count[y];
            for (copied = Math.max(copied, vertical.first[y]); copied < end; copied++) {
                copy(from, box, copied);
            }
            for (int c = 0; c < 3; c++) {
                mixRows(source[c], y, rows[c], box.width());
            }
            mixColumns(to.planes, flip ? y * width + width - 1 : y * width, step, width);
        }
    }

    private void copy(FloatImage from, CropBox box, int row) {
        int at = (box.top() + row) * from.width + box.left();
        for (int c = 0; c < 3; c++) {
            System.arraycopy(from.planes[c], at, source[c][row % source[c].length], 0, box.width());
        }
    }

    /** A loop vectorizes if it reads all arrays at the same index, so each row is an array of its own. */
    private void mixRows(float[][] in, int y, float[] out, int width) {
        float[] weights = vertical.weights;
        int tap = y * vertical.most;
        int first = vertical.first[y];
        int size = in.length;
        float[] a = in[first % size];
        float[] b = in[(first + 1) % size];
        switch (vertical.count[y]) {
            case 2 -> mix(a, b, weights[tap], weights[tap + 1], out, width);
            case 3 -> mix(a, b, in[(first + 2) % size], weights[tap], weights[tap + 1], weights[tap + 2], out, width);
            default -> {
                scale(a, weights[tap], out, width);
                for (int k = 1; k < vertical.count[y]; k++) {
                    addScaled(in[(first + k) % size], weights[tap + k], out, width);
                }
                round(out, width);
            }
        }
    }

    private static void mix(float[] a, float[] b, float weightA, float weightB, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(weightA * a[x] + weightB * b[x]);
        }
    }

    private static void mix(
            float[] a, float[] b, float[] c, float weightA, float weightB, float weightC, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(weightA * a[x] + weightB * b[x] + weightC * c[x]);
        }
    }

    private static void scale(float[] in, float weight, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = weight * in[x];
        }
    }

    private static void addScaled(float[] in, float weight, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] += weight * in[x];
        }
    }

    private static void round(float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(out[x]);
        }
    }

    /**
     * Mixes one row of all channels. Three sums at a time do not wait for each other, and as many taps for every position
     * make the loop's length predictable; those that a position does not have weigh nothing.
     */
    private void mixColumns(float[][] out, int at, int step, int width) {
        switch (horizontal.most) {
            case 2 -> mixTwo(rows, horizontal, out, at, step, width);
            case 3 -> mixThree(rows, horizontal, out, at, step, width);
            case 4 -> mixFour(rows, horizontal, out, at, step, width);
            default -> mixAny(rows, horizontal, out, at, step, width);
        }
    }

    private static void mixTwo(float[][] in, Taps taps, float[][] out, int at, int step, int width) {
        float[] red = in[0];
        float[] green = in[1];
        float[] blue = in[2];
        float[] weights = taps.weights;
        for (int x = 0, to = at; x < width; x++, to += step) {
            int i = taps.first[x];
            float a = weights[2 * x];
            float b = weights[2 * x + 1];
            out[0][to] = FloatImage.round(a * red[i] + b * red[i + 1]);
            out[1][to] = FloatImage.round(a * green[i] + b * green[i + 1]);
            out[2][to] = FloatImage.round(a * blue[i] + b * blue[i + 1]);
        }
    }

    private static void mixThree(float[][] in, Taps taps, float[][] out, int at, int step, int width) {
        float[] red = in[0];
        float[] green = in[1];
        float[] blue = in[2];
        float[] weights = taps.weights;
        for (int x = 0, to = at; x < width; x++, to += step) {
            int i = taps.first[x];
            float a = weights[3 * x];
            float b = weights[3 * x + 1];
            float c = weights[3 * x + 2];
            out[0][to] = FloatImage.round(a * red[i] + b * red[i + 1] + c * red[i + 2]);
            out[1][to] = FloatImage.round(a * green[i] + b * green[i + 1] + c * green[i + 2]);
            out[2][to] = FloatImage.round(a * blue[i] + b * blue[i + 1] + c * blue[i + 2]);
        }
    }

    private static void mixFour(float[][] in, Taps taps, float[][] out, int at, int step, int width) {
        float[] red = in[0];
        float[] green = in[1];
        float[] blue = in[2];
        float[] weights = taps.weights;
        for (int x = 0, to = at; x < width; x++, to += step) {
            int i = taps.first[x];
            float a = weights[4 * x];
            float b = weights[4 * x + 1];
            float c = weights[4 * x + 2];
            float d = weights[4 * x + 3];
            out[0][to] = FloatImage.round(a * red[i] + b * red[i + 1] + c * red[i + 2] + d * red[i + 3]);
            out[1][to] = FloatImage.round(a * green[i] + b * green[i + 1] + c * green[i + 2] + d * green[i + 3]);
            out[2][to] = FloatImage.round(a * blue[i] + b * blue[i + 1] + c * blue[i + 2] + d * blue[i + 3]);
        }
    }

    private static void mixAny(float[][] in, Taps taps, float[][] out, int at, int step, int width) {
        float[] red = in[0];
        float[] green = in[1];
        float[] blue = in[2];
        float[] weights = taps.weights;
        for (int x = 0, to = at; x < width; x++, to += step) {
            int i = taps.first[x];
            float r = 0;
            float g = 0;
            float b = 0;
            for (int k = 0; k < taps.most; k++) {
                float weight = weights[x * taps.most + k];
                r += weight * red[i + k];
                g += weight * green[i + k];
                b += weight * blue[i + k];
            }
            out[0][to] = FloatImage.round(r);
            out[1][to] = FloatImage.round(g);
            out[2][to] = FloatImage.round(b);
        }
    }

    /** For each of {@code out} positions: the run of input positions that it mixes, and their weights (sum 1). */
    private static final class Taps {
        int[] first = new int[0];
        int[] count = new int[0];
        /** The largest count. */
        int most;
        /** {@link #most} for each position, 0 beyond its own count. */
        float[] weights = new float[0];

        private int in = -1;
        private int out = -1;

        void prepare(int newIn, int newOut) {
            if (newIn == in && newOut == out) {
                return;
            }
            in = newIn;
            out = newOut;
            if (first.length < out) {
                first = new int[out];
                count = new int[out];
            }
            double scale = (double) in / out;
            double support = Math.max(scale, 1);
            most = 0;
            for (int i = 0; i < out; i++) {
                double center = (i + 0.5) * scale;
                first[i] = Math.max(0, (int) (center - support + 0.5));
                count[i] = Math.min(in, (int) (center + support + 0.5)) - first[i];
                most = Math.max(most, count[i]);
            }
            if (weights.length < out * most) {
                weights = new float[out * most];
            }
            double[] triangle = new double[most];
            for (int i = 0; i < out; i++) {
                double center = (i + 0.5) * scale;
                for (int k = 0; k < count[i]; k++) {
                    triangle[k] = Math.max(0, 1 - Math.abs((k + first[i] - center + 0.5) / support));
                }
                double sum = Arrays.stream(triangle, 0, count[i]).sum();
                for (int k = 0; k < most; k++) {
                    weights[i * most + k] = k < count[i] ? (float) (triangle[k] / sum) : 0;
                }
            }
        }
    }
}
