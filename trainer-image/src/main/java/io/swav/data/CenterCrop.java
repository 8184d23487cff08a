package io.swav.data;

import java.io.IOException;
import java.nio.FloatBuffer;

/**
 * The picture as evaluation sees it: shorter side resized to 8/7 of the view (256 for 224) and the centre cut out; a
 * picture no larger than the view is shown whole. Normalised as in training. One instance a thread.
 */
public final class CenterCrop {
    private final int side;
    private final FloatImage picture = new FloatImage();
    private final FloatImage view = new FloatImage();
    private final Resampler resampler = new Resampler();

    public CenterCrop(int side) {
        this.side = side;
    }

    /**
     * Appends the view of a sample to {@code to}: 3 · side · side values.
     *
     * @throws DataException naming a picture that cannot be read or decoded
     */
    public void read(DataSet data, int sample, FloatBuffer to) {
        try {
            if (!ImageCodec.decode(data.read(sample), picture)) {
                throw DataException.badData(data.name(sample) + " cannot be decoded");
            }
        } catch (IOException e) {
            throw DataException.badData(data.name(sample) + " cannot be read", e);
        }
        int shorter = Math.min(picture.width, picture.height);
        int cut = shorter <= side ? shorter : (int) Math.rint(shorter * 7 / 8.0);
        CropBox box = new CropBox((picture.height - cut) / 2, (picture.width - cut) / 2, cut, cut);
        resampler.resize(picture, box, false, view, side, side);
        MultiCrop.normalise(view);
        for (float[] plane : view.planes) {
            to.put(plane, 0, view.pixels());
        }
    }
}
