package io.swav.data;

import java.util.Arrays;

/**
 * Gaussian blur as Pillow computes it: three passes of the extended box filter (Gwosdek et al.: "Theoretical
 * foundations of Gaussian convolution by extended box filtering", 2011) whose variances add up to σ², along rows and
 * then along columns. Each pass repeats the edge of the image beyond its borders and rounds to whole levels. Not safe
 * for use by several threads.
 */
public final class Blur {
    static final int PASSES = 3;

    private float[][] rows = new float[0][0];
    private float[][] next = new float[0][0];
    /** A row moved by 1, 2, … pixels to the right, and to the left. */
    private float[][] before = new float[0][0];

    private float[][] after = new float[0][0];

    /** Blurs in place; {@code sigma} is in pixels. */
    public void apply(FloatImage image, double sigma) {
        float[] box = box(sigma);
        int reach = box.length - 1;
        if (rows.length < image.height || rows[0].length < image.width || before.length < reach) {
            rows = new float[image.height][image.width];
            next = new float[image.height][image.width];
            before = new float[reach][image.width];
            after = new float[reach][image.width];
        }
        for (float[] plane : image.planes) {
            blur(plane, image.width, image.height, box);
        }
    }

    private void blur(float[] plane, int width, int height, float[] box) {
        for (int y = 0; y < height; y++) {
            System.arraycopy(plane, y * width, rows[y], 0, width);
            for (int pass = 0; pass < PASSES; pass++) {
                move(rows[y], width, box.length - 1);
                mix(rows[y], before, after, box, next[y], width);
                float[] done = next[y];
                next[y] = rows[y];
                rows[y] = done;
            }
        }
        float[][] above = new float[box.length - 1][];
        float[][] below = new float[box.length - 1][];
        for (int pass = 0; pass < PASSES; pass++) {
            for (int y = 0; y < height; y++) {
                for (int k = 1; k < box.length; k++) {
                    above[k - 1] = rows[Math.max(0, y - k)];
                    below[k - 1] = rows[Math.min(height - 1, y + k)];
                }
                mix(rows[y], above, below, box, next[y], width);
            }
            float[][] done = next;
            next = rows;
            rows = done;
        }
        for (int y = 0; y < height; y++) {
            System.arraycopy(rows[y], 0, plane, y * width, width);
        }
    }

    /** Fills {@link #before} and {@link #after}: the loop that mixes vectorizes if it reads all arrays at the same index. */
    private void move(float[] row, int width, int reach) {
        for (int k = 1; k <= reach; k++) {
            int step = Math.min(k, width);
            Arrays.fill(before[k - 1], 0, step, row[0]);
            System.arraycopy(row, 0, before[k - 1], step, width - step);
            System.arraycopy(row, step, after[k - 1], 0, width - step);
            Arrays.fill(after[k - 1], width - step, width, row[width - 1]);
        }
    }

    /** out[x] = round(box[0] · center[x] + sum over k of box[k] · (before[k-1][x] + after[k-1][x])). */
    private static void mix(float[] center, float[][] before, float[][] after, float[] box, float[] out, int width) {
        if (box.length == 2) {
            mix(center, before[0], after[0], box[0], box[1], out, width);
        } else if (box.length == 3) {
            mix(center, before[0], after[0], before[1], after[1], box[0], box[1], box[2], out, width);
        } else {
            scale(center, box[0], out, width);
            for (int k = 1; k < box.length; k++) {
                addPair(before[k - 1], after[k - 1], box[k], out, width);
            }
            round(out, width);
        }
    }

    private static void mix(float[] c, float[] a, float[] b, float center, float first, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(center * c[x] + first * (a[x] + b[x]));
        }
    }

    private static void mix(
            float[] c,
            float[] a,
            float[] b,
            float[] farA,
            float[] farB,
            float center,
            float first,
            float second,
            float[] out,
            int width) {
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(center * c[x] + first * (a[x] + b[x]) + second * (farA[x] + farB[x]));
        }
    }

    private static void scale(float[] in, float weight, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = weight * in[x];
        }
    }

    private static void addPair(float[] a, float[] b, float weight, float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] += weight * (a[x] + b[x]);
        }
    }

    private static void round(float[] out, int width) {
        for (int x = 0; x < width; x++) {
            out[x] = FloatImage.round(out[x]);
        }
    }

    /** The weights of one pass's box at distance 0, 1, 2, …; over both sides they sum to 1. */
    static float[] box(double sigma) {
        double variance = sigma * sigma / PASSES;
        int whole = (int) Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
        // 2·whole + 1 full weights, and one of `edge` at each end to make the variance exact
        double edge = (2 * whole + 1)
                * (whole * (whole + 1.0) - 3 * variance)
                / (6 * (variance - (whole + 1.0) * (whole + 1.0)));
        float[] box = new float[whole + 2];
        for (int k = 0; k < box.length; k++) {
            box[k] = (float) ((k > whole ? edge : 1) / (2 * whole + 1 + 2 * edge));
        }
        return box;
    }
}
