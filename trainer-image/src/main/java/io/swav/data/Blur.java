package io.swav.data;

/**
 * Gaussian blur as Pillow makes it: three passes of the extended box filter (Gwosdek et al.: "Theoretical foundations of
 * Gaussian convolution by extended box filtering", 2011) whose variances add up to σ². The three boxes are folded into
 * one separable kernel here. Beyond its borders a picture repeats its edge. Not safe for use by several threads.
 */
final class Blur {
    private static final int PASSES = 3;
    private float[] padded = new float[0];
    private float[] column = new float[0];

    /** In place; {@code sigma} in pixels. */
    void apply(Raster picture, double sigma) {
        float[] kernel = kernel(sigma);
        int reach = kernel.length - 1;
        int width = picture.width;
        int height = picture.height;
        int stride = width + 2 * reach;
        if (padded.length < stride * (height + 2 * reach)) {
            padded = new float[stride * (height + 2 * reach)];
        }
        if (column.length < width * (height + 2 * reach)) {
            column = new float[width * (height + 2 * reach)];
        }
        for (float[] plane : picture.planes) {
            for (int y = 0; y < height; y++) {
                pad(plane, y * width, width, reach);
                convolve(padded, reach, 1, kernel, column, (y + reach) * width, width);
            }
            for (int y = 0; y < reach; y++) {
                System.arraycopy(column, reach * width, column, y * width, width);
                System.arraycopy(column, (reach + height - 1) * width, column, (reach + height + y) * width, width);
            }
            for (int y = 0; y < height; y++) {
                convolve(column, (y + reach) * width, width, kernel, plane, y * width, width);
            }
        }
    }

    private void pad(float[] plane, int at, int width, int reach) {
        System.arraycopy(plane, at, padded, reach, width);
        for (int i = 0; i < reach; i++) {
            padded[i] = plane[at];
            padded[reach + width + i] = plane[at + width - 1];
        }
    }

    /** out[to + x] = sum over k of kernel[|k|] · in[from + x + k·step]. */
    private static void convolve(float[] in, int from, int step, float[] kernel, float[] out, int to, int width) {
        scale(in, from, kernel[0], out, to, width);
        for (int k = 1; k < kernel.length; k++) {
            addPair(in, from - k * step, from + k * step, kernel[k], out, to, width);
        }
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

    /** Weights at distance 0, 1, 2, … of three extended boxes one after the other; they sum to 1 over both sides. */
    static float[] kernel(double sigma) {
        double variance = sigma * sigma / PASSES;
        int whole = (int) Math.floor((Math.sqrt(12 * variance + 1) - 1) / 2);
        // the box has 2·whole + 1 full weights and one of `edge` at each end; edge makes the variance right
        double edge = (2 * whole + 1)
                * (whole * (whole + 1.0) - 3 * variance)
                / (6 * (variance - (whole + 1.0) * (whole + 1.0)));
        int boxReach = whole + 1;
        double[] box = new double[2 * boxReach + 1];
        for (int i = 0; i < box.length; i++) {
            boolean end = i == 0 || i == box.length - 1;
            box[i] = (end ? edge : 1) / (2 * whole + 1 + 2 * edge);
        }
        double[] all = convolve(convolve(box, box), box);
        int reach = all.length / 2;
        float[] half = new float[reach + 1];
        for (int k = 0; k <= reach; k++) {
            half[k] = (float) all[reach + k];
        }
        return half;
    }

    private static double[] convolve(double[] a, double[] b) {
        double[] out = new double[a.length + b.length - 1];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < b.length; j++) {
                out[i + j] += a[i] * b[j];
            }
        }
        return out;
    }
}
