package io.swav.data;

import io.swav.api.CropSpec;
import io.swav.api.TrainingSpec;
import io.swav.common.Normalization;
import java.util.List;

/**
 * Makes the crops of an image on the host, as planned by {@link CropPlan}: resizes, recolors, blurs and normalizes.
 * Holds scratch space: use one instance per thread.
 */
public final class MultiCrop {
    private static final float[] MEAN = values(Normalization.MEAN);
    private static final float[] STD = values(Normalization.STD);

    private final List<CropSpec> crops;
    private final TrainingSpec.Augmentation augmentation;
    private final Resampler resampler = new Resampler();
    private final Blur blur = new Blur();
    private final FloatImage crop = new FloatImage();

    /** Receives a finished crop; {@code index} counts the crops of its resolution. */
    @FunctionalInterface
    public interface CropSink {
        void accept(int resolution, int index, FloatImage crop);
    }

    public MultiCrop(List<CropSpec> crops, TrainingSpec.Augmentation augmentation) {
        this.crops = crops;
        this.augmentation = augmentation;
    }

    private static float[] values(List<Float> channels) {
        float[] values = new float[channels.size()];
        for (int channel = 0; channel < values.length; channel++) {
            values[channel] = channels.get(channel);
        }
        return values;
    }

    /**
     * Passes all normalized crops of one image to {@code sink}; the image given to {@code sink} is reused afterwards.
     */
    public void crop(FloatImage image, long seed, long epoch, long sample, CropSink sink) {
        List<CropPlan> plans = CropPlan.all(crops, augmentation, image.width, image.height, seed, epoch, sample);
        int number = 0;
        for (int resolution = 0; resolution < crops.size(); resolution++) {
            CropSpec spec = crops.get(resolution);
            for (int index = 0; index < spec.count(); index++) {
                CropPlan plan = plans.get(number++);
                resampler.resize(image, plan.box(), plan.flip(), crop, spec.size(), spec.size());
                recolor(crop, plan.changes(), plan.gray());
                plan.sigma().ifPresent(sigma -> blur.apply(crop, sigma));
                normalize(crop);
                sink.accept(resolution, index, crop);
            }
        }
    }

    /** Applies color jitter, then grayscale. */
    public static void recolor(FloatImage image, List<CropPlan.ColorStep> changes, boolean gray) {
        changes.forEach(change -> ColorJitter.change(image, change));
        if (gray) {
            ColorJitter.gray(image);
        }
    }

    static void normalize(FloatImage image) {
        for (int c = 0; c < 3; c++) {
            float[] plane = image.planes[c];
            float scale = scale(c);
            float offset = offset(c);
            for (int i = 0; i < image.pixels(); i++) {
                plane[i] = plane[i] * scale + offset;
            }
        }
    }

    /** The factor by which {@link #normalize} multiplies the levels of a channel. */
    static float scale(int channel) {
        return 1 / (255 * STD[channel]);
    }

    /** The offset that {@link #normalize} then adds. */
    static float offset(int channel) {
        return -MEAN[channel] / STD[channel];
    }

    /** Undoes {@link #normalize}, for showing crops to people. */
    public static void denormalize(FloatImage image) {
        for (int c = 0; c < 3; c++) {
            float[] plane = image.planes[c];
            for (int i = 0; i < image.pixels(); i++) {
                plane[i] = 255 * (plane[i] * STD[c] + MEAN[c]);
            }
        }
    }
}
