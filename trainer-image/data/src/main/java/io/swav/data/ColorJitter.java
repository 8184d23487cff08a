package io.swav.data;

import static io.swav.torch.ImageOps.LUMA_B;
import static io.swav.torch.ImageOps.LUMA_G;
import static io.swav.torch.ImageOps.LUMA_R;

/**
 * The color operations of torchvision's ColorJitter and RandomGrayscale, in place on one image. Factors have
 * torchvision's meaning: 1 changes nothing for brightness, contrast and saturation; hue is turned by a fraction of the
 * full circle. Gray is ITU-R 601's luma.
 */
final class ColorJitter {
    private ColorJitter() {}

    static void change(FloatImage image, CropPlan.ColorStep change) {
        switch (change.color()) {
            case BRIGHTNESS -> brightness(image, change.factor());
            case CONTRAST -> contrast(image, change.factor());
            case SATURATION -> saturation(image, change.factor());
            case HUE -> hue(image, change.factor());
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

    /** Sums with four accumulators, so that additions need not wait for each other. */
    private static double sum(float[] plane, int n) {
        double a = 0;
        double b = 0;
        double c = 0;
        double d = 0;
        int i = 0;
        for (; i + 3 < n; i += 4) {
            a += plane[i];
            b += plane[i + 1];
            c += plane[i + 2];
            d += plane[i + 3];
        }
        for (; i < n; i++) {
            a += plane[i];
        }
        return (a + b) + (c + d);
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

    /**
     * Turns the hue in HSV by {@code turn} in [-0.5, 0.5]. Hue and saturation are rounded to 8 bits in between, as in
     * Pillow's HSV images.
     */
    private static void hue(FloatImage image, float turn) {
        float[] r = image.planes[0];
        float[] g = image.planes[1];
        float[] b = image.planes[2];
        int shift = shift(turn);
        int n = image.pixels();
        for (int i = 0; i < n; i++) {
            float red = r[i];
            float green = g[i];
            float blue = b[i];
            float max = Math.max(red, Math.max(green, blue));
            float chroma = max - Math.min(red, Math.min(green, blue));
            if (chroma > 0) {
                float sixths = max == red
                        ? (green - blue) / chroma
                        : max == green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
                int hue = (int) ((sixths < 0 ? sixths + 6 : sixths) * (255 / 6f));
                float turned = ((hue + shift) & 0xff) * (6 / 255f);
                int saturation = (int) (255 * chroma / max);
                float coarse = saturation * max / 255;
                r[i] = FloatImage.round(max - coarse * dip(turned + 5));
                g[i] = FloatImage.round(max - coarse * dip(turned + 3));
                b[i] = FloatImage.round(max - coarse * dip(turned + 1));
            }
        }
    }

    /** max(0, min(k mod 6, 4 − k mod 6, 1)) for k in [0, 12): how far below the value a channel is, in chromas. */
    private static float dip(float k) {
        float at = k >= 6 ? k - 6 : k;
        return Math.max(0f, Math.min(1f, Math.min(at, 4 - at)));
    }
}
