package io.swav.data;

import static io.swav.torch.ImageOps.LUMA_B;
import static io.swav.torch.ImageOps.LUMA_G;
import static io.swav.torch.ImageOps.LUMA_R;

/**
 * The colour operations of torchvision's ColorJitter and RandomGrayscale on one picture, in place. Factors are
 * torchvision's: 1 changes nothing for brightness, contrast and saturation; hue turns by a fraction of the full circle.
 * Grey is ITU-R 601's luma.
 */
final class ColorJitter {
    private ColorJitter() {}

    static void change(FloatImage picture, CropPlan.Change change) {
        switch (change.colour()) {
            case BRIGHTNESS -> brightness(picture, change.factor());
            case CONTRAST -> contrast(picture, change.factor());
            case SATURATION -> saturation(picture, change.factor());
            case HUE -> hue(picture, change.factor());
        }
    }

    private static void brightness(FloatImage picture, float factor) {
        for (float[] plane : picture.planes) {
            blend(plane, picture.pixels(), factor, 0);
        }
    }

    /** Away from, or towards, the mean grey of the picture. */
    private static void contrast(FloatImage picture, float factor) {
        float offset = (1 - factor) * meanLuma(picture);
        for (float[] plane : picture.planes) {
            blend(plane, picture.pixels(), factor, offset);
        }
    }

    private static void blend(float[] plane, int pixels, float factor, float offset) {
        for (int i = 0; i < pixels; i++) {
            plane[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, plane[i] * factor + offset)));
        }
    }

    /** Rounded to a whole level, as Pillow does. */
    private static float meanLuma(FloatImage picture) {
        int n = picture.pixels();
        double sum = LUMA_R * sum(picture.planes[0], n)
                + LUMA_G * sum(picture.planes[1], n)
                + LUMA_B * sum(picture.planes[2], n);
        return (float) Math.floor(sum / n + 0.5);
    }

    /** Four running sums, because a single one waits for itself. */
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

    private static void saturation(FloatImage picture, float factor) {
        float[] r = picture.planes[0];
        float[] g = picture.planes[1];
        float[] b = picture.planes[2];
        float rest = 1 - factor;
        int n = picture.pixels();
        for (int i = 0; i < n; i++) {
            float grey = rest * FloatImage.round(LUMA_R * r[i] + LUMA_G * g[i] + LUMA_B * b[i]);
            r[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, r[i] * factor + grey)));
            g[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, g[i] * factor + grey)));
            b[i] = FloatImage.truncate(Math.min(255f, Math.max(0f, b[i] * factor + grey)));
        }
    }

    static void grey(FloatImage picture) {
        float[] r = picture.planes[0];
        float[] g = picture.planes[1];
        float[] b = picture.planes[2];
        int n = picture.pixels();
        for (int i = 0; i < n; i++) {
            float grey = FloatImage.round(LUMA_R * r[i] + LUMA_G * g[i] + LUMA_B * b[i]);
            r[i] = grey;
            g[i] = grey;
            b[i] = grey;
        }
    }

    /** What a turn by part of the circle adds to a hue of 8 bits. */
    static int shift(float turn) {
        return (int) (turn * 255);
    }

    /**
     * Turns the hue in HSV by {@code turn} in [-0.5, 0.5]. Hue and saturation pass through 8 bits on the way, as in
     * Pillow's HSV pictures.
     */
    private static void hue(FloatImage picture, float turn) {
        float[] r = picture.planes[0];
        float[] g = picture.planes[1];
        float[] b = picture.planes[2];
        int shift = shift(turn);
        int n = picture.pixels();
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
