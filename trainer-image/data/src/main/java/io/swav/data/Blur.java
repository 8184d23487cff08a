package io.swav.data;

/**
 * Gaussian blur as Pillow computes it: three passes of the extended box filter (Gwosdek et al.: "Theoretical
 * foundations of Gaussian convolution by extended box filtering", 2011) whose variances add up to σ², along rows and
 * then along columns. Each pass repeats the edge of the image beyond its borders and rounds to whole levels. Not safe
 * for use by several threads.
 */
public final class Blur {
    static final int PASSES = 3;

    private float[] padded = new float[0];

    /** Blurs in place; {@code sigma} is in pixels. */
    public void apply(FloatImage image, double sigma) {
        float[] box = box(sigma);
        int reach = box.length - 1;
        int width = image.width;
        int height = image.height;
        int rows = height + 2 * reach;
        if (padded.length < Math.max(width + 2 * reach, width * rows)) {
            padded = new float[Math.max(width + 2 * reach, width * rows)];
        }
        for (float[] plane : image.planes) {
            for (int y = 0; y < height; y++) {
                for (int pass = 0; pass < PASSES; pass++) {
                    padRow(plane, y * width, width, reach);
                    convolve(padded, reach, 1, box, plane, y * width, width);
                }
            }
            for (int pass = 0; pass < PASSES; pass++) {
                padColumns(plane, width, height, reach);
                for (int y = 0; y < height; y++) {
                    convolve(padded, (y + reach) * width, width, box, plane, y * width, width);
                }
            }
        }
    }

    private void padRow(float[] plane, int at, int width, int reach) {
        System.arraycopy(plane, at, padded, reach, width);
        for (int i = 0; i < reach; i++) {
            padded[i] = plane[at];
            padded[reach + width + i] = plane[at + width - 1];
        }
    }

    private void padColumns(float[] plane, int width, int height, int reach) {
        System.arraycopy(plane, 0, padded, reach * width, height * width);
        for (int i = 0; i < reach; i++) {
            System.arraycopy(plane, 0, padded, i * width, width);
            System.arraycopy(plane, (height - 1) * width, padded, (reach + height + i) * width, width);
        }
    }

    /** out[to + x] = sum over k of kernel[|k|] · in[from + x + k·step]. */
    private static void convolve(float[] in, int from, int step, float[] kernel, float[] out, int to, int width) {
        scale(in, from, kernel[0], out, to, width);
        for (int k = 1; k < kernel.length; k++) {
            addPair(in, from - k * step, from + k * step, kernel[k], out, to, width);
        }
        round(out, to, width);
    }

    private static void scale(float[] in, int from, float weight, float[] out, int to, int width) {
        for (int x = 0; x < width; x++) {
            out[to + x] = weight * in[from + x];
        }
    }

    private static void addPair(float[] in, int left, int right, float weight, float[] out, int to, int width) {
        for (int x = 0; x < width; x++) {
            out[to + x] += weight * (in[left + x] + in[right + x]);
        }
    }

    private static void round(float[] out, int to, int width) {
        for (int x = 0; x < width; x++) {
            out[to + x] = FloatImage.round(out[to + x]);
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
