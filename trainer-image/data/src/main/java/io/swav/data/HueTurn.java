package io.swav.data;

/**
 * Turns the hue in HSV by a fraction of the circle. Hue and saturation are rounded to 8 bits in between, as in Pillow's
 * HSV images. There are no branches: levels are whole numbers, so conditions become factors of 0 or 1, and these are
 * computed from absolute values, without rounding. Each loop is short, writes one array, and reads all arrays at the same
 * index: the JIT compiler vectorizes no others.
 */
final class HueTurn {
    private static final int BLOCK = 1024;

    private final float[] red;
    private final float[] green;
    private final float[] blue;
    private final float[] max;
    private final float[] chroma;
    private final float[] isRed;
    private final float[] isGreen;
    private final float[] hue;

    private HueTurn(int block) {
        red = new float[block];
        green = new float[block];
        blue = new float[block];
        max = new float[block];
        chroma = new float[block];
        isRed = new float[block];
        isGreen = new float[block];
        hue = new float[block];
    }

    /**
     * Turns in place.
     *
     * @param shift of the 8-bit hue, −127 to 127
     */
    static void apply(FloatImage image, int shift) {
        HueTurn turn = new HueTurn(Math.min(BLOCK, image.pixels()));
        float[][] channels = {turn.red, turn.green, turn.blue};
        for (int from = 0; from < image.pixels(); from += BLOCK) {
            int count = Math.min(BLOCK, image.pixels() - from);
            for (int c = 0; c < 3; c++) {
                System.arraycopy(image.planes[c], from, channels[c], 0, count);
            }
            turn.block(count, shift);
            for (int c = 0; c < 3; c++) {
                System.arraycopy(channels[c], 0, image.planes[c], from, count);
            }
        }
    }

    private void block(int count, float shift) {
        max(red, green, blue, max, count);
        chroma(red, green, blue, max, chroma, count);
        equal(red, max, isRed, count);
        equal(green, max, isGreen, count);
        butNot(isRed, isGreen, count);
        ahead(red, green, blue, isRed, isGreen, hue, count);
        start(green, blue, isGreen, isRed, count);
        hue(isRed, chroma, hue, count);
        turn(hue, shift, count);
        coarse(max, chroma, count);
        mix(max, chroma, dip(5, count), red, count);
        mix(max, chroma, dip(3, count), green, count);
        mix(max, chroma, dip(1, count), blue, count);
    }

    private static void max(float[] r, float[] g, float[] b, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            out[i] = Math.max(r[i], Math.max(g[i], b[i]));
        }
    }

    private static void chroma(float[] r, float[] g, float[] b, float[] max, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            out[i] = max[i] - Math.min(r[i], Math.min(g[i], b[i]));
        }
    }

    private static void equal(float[] channel, float[] max, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            out[i] = 1 - atMostOne(max[i] - channel[i]);
        }
    }

    private static void butNot(float[] other, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            out[i] = (1 - other[i]) * out[i];
        }
    }

    /** The difference of the two channels that are not the largest, in the order of the circle. */
    private static void ahead(float[] r, float[] g, float[] b, float[] isRed, float[] isGreen, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            out[i] =
                    isRed[i] * (g[i] - b[i]) + isGreen[i] * (b[i] - r[i]) + (1 - isRed[i] - isGreen[i]) * (r[i] - g[i]);
        }
    }

    /** Replaces isRed by where the largest channel lies, in sixths of the circle: 0 or, before red, 6; green 2; blue 4. */
    private static void start(float[] g, float[] b, float[] isGreen, float[] isRed, int count) {
        for (int i = 0; i < count; i++) {
            isRed[i] = 6 * isRed[i] * atMostOne(atLeastZero(b[i] - g[i]))
                    + 2 * isGreen[i]
                    + 4 * (1 - isRed[i] - isGreen[i]);
        }
    }

    /** Replaces the difference by the hue in 8 bits. */
    private static void hue(float[] start, float[] chroma, float[] ahead, int count) {
        for (int i = 0; i < count; i++) {
            ahead[i] = floor((ahead[i] / (1 + atLeastZero(chroma[i] - 1)) + start[i]) * (255 / 6f));
        }
    }

    /** Adds the shift modulo 256, and converts to sixths of the circle. */
    private static void turn(float[] hue, float shift, int count) {
        for (int i = 0; i < count; i++) {
            float sum = hue[i] + shift;
            hue[i] = (sum + 256 * atMostOne(atLeastZero(-sum)) - 256 * atMostOne(atLeastZero(sum - 255))) * (6 / 255f);
        }
    }

    /** Replaces the chroma by that of a saturation in 8 bits. */
    private static void coarse(float[] max, float[] chroma, int count) {
        for (int i = 0; i < count; i++) {
            chroma[i] = floor(255 * chroma[i] / (1 + atLeastZero(max[i] - 1))) * max[i] / 255;
        }
    }

    /**
     * Returns how far below the largest a channel is, in chromas: max(0, min(k mod 6, 4 − k mod 6, 1)) for k = hue +
     * offset in [0, 12).
     */
    private float[] dip(float offset, int count) {
        dip(hue, offset, isGreen, count);
        return isGreen;
    }

    private static void dip(float[] hue, float offset, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            float k = hue[i] + offset;
            float isRound = atMostOne(atLeastZero((k - 6) * 0x1p22f + 1)); // 1 from 6 on; the float below is 6 − 2^-21
            float at = k - 6 * isRound;
            out[i] = atLeastZero(atMostOne(2 - Math.abs(at - 2)));
        }
    }

    private static void mix(float[] max, float[] coarse, float[] dip, float[] out, int count) {
        for (int i = 0; i < count; i++) {
            out[i] = FloatImage.round(max[i] - coarse[i] * dip[i]);
        }
    }

    /** max(0, x), for an x whose double is no less exact. */
    private static float atLeastZero(float x) {
        return 0.5f * (x + Math.abs(x));
    }

    /** min(1, x), for an x whose distance from 1 is exact, or above 1. */
    private static float atMostOne(float x) {
        return 1 - atLeastZero(1 - x);
    }

    /** Rounds a level in [0, 2^22) down. The distance to the level above is 0 or at least 2^-24. */
    private static float floor(float level) {
        float nearest = FloatImage.round(level);
        return nearest - atMostOne(atLeastZero((nearest - level) * 0x1p25f));
    }
}
