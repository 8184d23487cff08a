package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.nio.FloatBuffer;
import java.util.concurrent.CountDownLatch;

/**
 * The view of an image that evaluation uses: the shorter side is resized to 8/7 of the view (256 for 224), and the
 * center is cut out. An image no larger than the view is shown whole. Normalized, and read with retries, as in training.
 * Use one instance per thread.
 */
public final class CenterCrop {
    private final SwavJobSpec spec;
    private final ImageLimits limits;
    private final int side;
    private final FloatImage image = new FloatImage();
    private final FloatImage view = new FloatImage();
    private final Resampler resampler = new Resampler();

    /** Creates views as large as the spec's large crops. */
    public CenterCrop(SwavJobSpec spec) {
        this.spec = spec;
        this.limits = ImageLimits.of(spec);
        this.side = spec.crops().get(0).size();
    }

    /** Height and width of the view in pixels. */
    public int side() {
        return side;
    }

    /**
     * Puts the view of a sample into {@code to}: 3 · side · side values.
     *
     * @throws BadImageException if the sample can never be decoded
     * @throws DataException if it cannot be read now; the message names it
     */
    public void read(DataSet data, long sample, FloatBuffer to) throws BadImageException {
        image.load(ImageCodec.decode(
                ReadRetry.read(data, sample, spec, new CountDownLatch(1)),
                limits,
                spec.data().exifOrientation()));
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
