package io.swav.data;

import java.util.Arrays;

/**
 * Bilinear resampling that averages when it shrinks: a triangle filter whose support grows with the scale. Pillow's
 * BILINEAR and torch's {@code antialias=True} do this, OpenCV's INTER_LINEAR does not. The filter is separable; the
 * vertical pass comes first, over contiguous rows. Not safe for use by several threads.
 */
final class Resampler {
    private float[] rows = new float[0];
    private final Taps vertical = new Taps();
    private final Taps horizontal = new Taps();

    /** Resizes the {@code box} of {@code from} to width x height, flipped left to right if {@code flip} is set. */
    void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height) {
        to.resize(width, height);
        vertical.prepare(box.height(), height);
        horizontal.prepare(box.width(), width);
        if (rows.length < box.width()) {
            rows = new float[box.width()];
        }
        for (int c = 0; c < 3; c++) {
            for (int y = 0; y < height; y++) {
                mixRows(from.planes[c], from.width, box, y);
                mixColumns(to.planes[c], y * width, width, flip);
            }
        }
    }

    private void mixRows(float[] plane, int stride, CropBox box, int y) {
        float[] out = rows;
        int width = box.width();
        int tap = y * vertical.stride;
        int last = tap + vertical.count[y];
        int row = (box.top() + vertical.first[y]) * stride + box.left();
        scale(plane, row, vertical.weights[tap], out, width);
        while (++tap < last) {
            row += stride;
            addScaled(plane, row, vertical.weights[tap], out, width);
        }
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(out[x]);
        }
    }

    private static void scale(float[] plane, int row, float weight, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = weight * plane[row + x];
        }
    }

    private static void addScaled(float[] plane, int row, float weight, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] += weight * plane[row + x];
        }
    }

    private void mixColumns(float[] out, int at, int width, boolean flip) {
        float[] in = rows;
        float[] weights = horizontal.weights;
        int step = flip ? -1 : 1;
        int to = flip ? at + width - 1 : at;
        for (int x = 0; x < width; x++, to += step) {
            int first = horizontal.first[x];
            int tap = x * horizontal.stride;
            float sum = 0;
            for (int k = 0; k < horizontal.count[x]; k++) {
                sum += weights[tap + k] * in[first + k];
            }
            out[to] = FloatImage.round(sum);
        }
    }

    /** For each of {@code out} positions: the run of input positions that it mixes, and their weights (sum 1). */
    private static final class Taps {
        int[] first = new int[0];
        int[] count = new int[0];
        float[] weights = new float[0];
        int stride;
        private int in = -1;
        private int out = -1;

        void prepare(int newIn, int newOut) {
            if (newIn == in && newOut == out) {
                return;
            }
            in = newIn;
            out = newOut;
            double scale = (double) in / out;
            double support = Math.max(scale, 1);
            stride = (int) Math.ceil(support) * 2 + 1;
            if (first.length < out) {
                first = new int[out];
                count = new int[out];
            }
            if (weights.length < out * stride) {
                weights = new float[out * stride];
            }
            double[] triangle = new double[stride];
            for (int i = 0; i < out; i++) {
                double center = (i + 0.5) * scale;
                int from = Math.max(0, (int) (center - support + 0.5));
                int to = Math.min(in, (int) (center + support + 0.5));
                for (int k = 0; k < to - from; k++) {
                    triangle[k] = Math.max(0, 1 - Math.abs((k + from - center + 0.5) / support));
                }
                double sum = Arrays.stream(triangle, 0, to - from).sum();
                first[i] = from;
                count[i] = to - from;
                for (int k = 0; k < to - from; k++) {
                    weights[i * stride + k] = (float) (triangle[k] / sum);
                }
            }
        }
    }
}
