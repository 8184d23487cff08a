package io.swav.data;

import java.io.IOException;
import java.nio.FloatBuffer;

/**
 * The view of an image that evaluation uses: the shorter side is resized to 8/7 of the view (256 for 224), and the
 * center is cut out. An image no larger than the view is shown whole. Normalized as in training. Use one instance per
 * thread.
 */
public final class CenterCrop {
    private final int side;
    private final FloatImage image = new FloatImage();
    private final FloatImage view = new FloatImage();
    private final Resampler resampler = new Resampler();

    public CenterCrop(int side) {
        this.side = side;
    }

    /**
     * Appends the view of a sample to {@code to}: 3 · side · side values.
     *
     * @throws DataException if the image cannot be read or decoded; the message names it
     */
    public void read(DataSet data, int sample, FloatBuffer to) {
        try {
            if (!ImageCodec.decode(data.read(sample), image)) {
                throw DataException.badData(data.name(sample) + " cannot be decoded; repair or remove it");
            }
        } catch (IOException e) {
            throw DataException.badData(data.name(sample) + " cannot be read", e);
        }
        int shorter = Math.min(image.width, image.height);
        int cut = shorter <= side ? shorter : (int) Math.rint(shorter * 7 / 8.0);
        CropBox box = new CropBox((image.height - cut) / 2, (image.width - cut) / 2, cut, cut);
        resampler.resize(image, box, false, view, side, side);
        MultiCrop.normalize(view);
        for (float[] plane : view.planes) {
            to.put(plane, 0, view.pixels());
        }
    }
}
