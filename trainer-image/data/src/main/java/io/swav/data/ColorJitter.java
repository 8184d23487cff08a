package io.swav.data;

import static io.swav.torch.ImageOps.LUMA_B;
import static io.swav.torch.ImageOps.LUMA_G;
import static io.swav.torch.ImageOps.LUMA_R;

import java.util.Arrays;

/**
 * The color operations of torchvision's ColorJitter and RandomGrayscale, in place on one image. Factors have
 * torchvision's meaning: 1 changes nothing for brightness, contrast and saturation; hue is turned by a fraction of the
 * full circle. Gray is ITU-R 601's luma.
 */
final class ColorJitter {
    private static final int COLUMNS = 256;
    /** Floats have all whole numbers up to this one. */
    private static final int MOST_EXACT = 1 << 24;

    private ColorJitter() {}

    static void change(FloatImage image, CropPlan.ColorStep change) {
        switch (change.color()) {
            case BRIGHTNESS -> brightness(image, change.factor());
            case CONTRAST -> contrast(image, change.factor());
            case SATURATION -> saturation(image, change.factor());
            case HUE -> HueTurn.apply(image, shift(change.factor()));
        }
    }

    private static void brightness(FloatImage image, float factor) {
        for (float[] plane : image.planes) {
            blend(plane, image.pixels(), factor, 0);
        }
    }

    /** Blends away from, or towards, the mean gray of the image. */
    private static void contrast(FloatImage image, float factor) {
        float offset = (1 - factor) * meanLuma(image);
        for (float[] plane : image.planes) {
            blend(plane, image.pixels(), factor, offset);
        }
    }

    private static void blend(float[] plane, int pixels, float factor, float offset) {
        for (int i = 0; i < pixels; i++) {
            plane[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, plane[i] * factor + offset)));
        }
    }

    /** The mean luma, rounded to a whole level as Pillow does. */
    private static float meanLuma(FloatImage image) {
        int n = image.pixels();
        double sum =
                LUMA_R * sum(image.planes[0], n) + LUMA_G * sum(image.planes[1], n) + LUMA_B * sum(image.planes[2], n);
        return (float) Math.floor(sum / n + 0.5);
    }

    /**
     * Sums a plane in 256 columns, so that the loop vectorizes. The levels are whole numbers, and so are all sums: without
     * rounding as long as a column's is below 2^24.
     */
    private static double sum(float[] plane, int n) {
        float[] columns = new float[COLUMNS];
        double sum = 0;
        int i = 0;
        while (i + COLUMNS <= n) {
            int to = (int) Math.min(n - COLUMNS, i + (long) COLUMNS * (MOST_EXACT / 255 - 1));
            for (; i <= to; i += COLUMNS) {
                add(plane, i, columns);
            }
            for (float column : columns) {
                sum += column;
            }
            Arrays.fill(columns, 0);
        }
        for (; i < n; i++) {
            sum += plane[i];
        }
        return sum;
    }

    private static void add(float[] plane, int from, float[] columns) {
        for (int x = 0; x < COLUMNS; x++) {
            columns[x] += plane[from + x];
        }
    }

    private static void saturation(FloatImage image, float factor) {
        float[] r = image.planes[0];
        float[] g = image.planes[1];
        float[] b = image.planes[2];
        float rest = 1 - factor;
        int n = image.pixels();
        for (int i = 0; i < n; i++) {
            float gray = rest * FloatImage.round(LUMA_R * r[i] + LUMA_G * g[i] + LUMA_B * b[i]);
            r[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, r[i] * factor + gray)));
            g[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, g[i] * factor + gray)));
            b[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, b[i] * factor + gray)));
        }
    }

    static void gray(FloatImage image) {
        float[] r = image.planes[0];
        float[] g = image.planes[1];
        float[] b = image.planes[2];
        int n = image.pixels();
        for (int i = 0; i < n; i++) {
            float gray = FloatImage.round(LUMA_R * r[i] + LUMA_G * g[i] + LUMA_B * b[i]);
            r[i] = gray;
            g[i] = gray;
            b[i] = gray;
        }
    }

    /** The amount by which a turn by this fraction of the circle changes an 8-bit hue. */
    static int shift(float turn) {
        return (int) (turn * 255);
    }
}
