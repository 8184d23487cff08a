package io.swav.data;

import io.swav.common.KeyedRandom;

/** The rectangle of an image that a crop shows, in pixels. */
public record CropBox(int top, int left, int height, int width) {
    private static final int ATTEMPTS = 10;
    private static final double MIN_ASPECT = 3.0 / 4.0;
    private static final double MAX_ASPECT = 4.0 / 3.0;

    /**
     * Draws RandomResizedCrop's rectangle (the "Inception" crop): area uniform in [minScale, maxScale] of the image's
     * area, aspect ratio log-uniform in [3/4, 4/3]. If ten attempts do not fit, it is the largest central rectangle of
     * a permitted aspect ratio.
     */
    public static CropBox random(KeyedRandom random, int width, int height, double minScale, double maxScale) {
        double logMin = StrictMath.log(MIN_ASPECT);
        double logMax = StrictMath.log(MAX_ASPECT);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            double area = (double) width * height * random.uniform(minScale, maxScale);
            double aspect = StrictMath.exp(random.uniform(logMin, logMax));
            int w = (int) StrictMath.rint(StrictMath.sqrt(area * aspect));
            int h = (int) StrictMath.rint(StrictMath.sqrt(area / aspect));
            if (w > 0 && w <= width && h > 0 && h <= height) {
                int top = random.below(height - h + 1);
                int left = random.below(width - w + 1);
                return new CropBox(top, left, h, w);
            }
        }
        return central(width, height);
    }

    private static CropBox central(int width, int height) {
        double aspect = (double) width / height;
        int w = width;
        int h = height;
        if (aspect < MIN_ASPECT) {
            h = (int) StrictMath.rint(w / MIN_ASPECT);
        } else if (aspect > MAX_ASPECT) {
            w = (int) StrictMath.rint(h * MAX_ASPECT);
        }
        return new CropBox((height - h) / 2, (width - w) / 2, h, w);
    }

    public static CropBox whole(int width, int height) {
        return new CropBox(0, 0, height, width);
    }
}
