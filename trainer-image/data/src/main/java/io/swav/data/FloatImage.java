package io.swav.data;

import io.swav.torch.ImageOps;

/**
 * An RGB image as three planes of levels in [0, 255], row-major. Between two operations the levels are whole numbers,
 * as in the 8-bit images of the reference: the rounding is part of the augmentation. The image is mutable, and its
 * arrays are reused from one image to the next: only the first width · height values of a plane are valid.
 */
public final class FloatImage {
    public final float[][] planes = new float[3][0];
    public int width;
    public int height;

    /**
     * Rounds to the nearest whole number, for |level| < 2^22: between 2^23 and 2^24 a float has no bits for a fraction.
     * Vectorizes.
     */
    static float round(float level) {
        return (level + 0x1.8p23f) - 0x1.8p23f;
    }

    /** Rounds down to a whole number (up, if that is within a ten thousandth). */
    static float truncate(float level) {
        return round(level - ImageOps.TO_BELOW);
    }

    public int pixels() {
        return width * height;
    }

    /** Sets the size; contents are undefined afterwards. */
    public void resize(int newWidth, int newHeight) {
        width = newWidth;
        height = newHeight;
        for (int c = 0; c < 3; c++) {
            if (planes[c].length < pixels()) {
                planes[c] = new float[pixels()];
            }
        }
    }

    public void copyFrom(FloatImage other) {
        resize(other.width, other.height);
        for (int c = 0; c < 3; c++) {
            System.arraycopy(other.planes[c], 0, planes[c], 0, pixels());
        }
    }

    /** Loads a decoded image. */
    public void load(ImageCodec.Bgr image) {
        load(image.bytes().array(), image.width(), image.height(), 2);
    }

    /**
     * Loads interleaved pixels.
     *
     * @param bytes height · width · 3 levels
     * @param red channel of red: 0 for RGB, 2 for BGR
     */
    public void load(byte[] bytes, int newWidth, int newHeight, int red) {
        resize(newWidth, newHeight);
        float[] r = planes[red];
        float[] g = planes[1];
        float[] b = planes[2 - red];
        for (int i = 0, at = 0; i < pixels(); i++, at += 3) {
            r[i] = bytes[at] & 0xff;
            g[i] = bytes[at + 1] & 0xff;
            b[i] = bytes[at + 2] & 0xff;
        }
    }

    /** The interleaved RGB bytes, rounded to the nearest level. */
    public byte[] toBytes() {
        byte[] bytes = new byte[3 * pixels()];
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < pixels(); i++) {
                bytes[3 * i + c] = (byte) (int) Math.min(255f, Math.max(0f, planes[c][i] + 0.5f));
            }
        }
        return bytes;
    }
}
