package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.util.List;

/**
 * The crops of a picture as {@link CropPlan} says, made on the host: resized, recoloured, blurred, normalised. Holds scratch
 * space: one instance a thread.
 */
final class MultiCrop {
    private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
    private static final float[] STD = {0.228f, 0.224f, 0.225f};

    private final List<SwavJobSpec.CropSpec> crops;
    private final SwavJobSpec.Augmentation augmentation;
    private final Resampler resampler = new Resampler();
    private final Blur blur = new Blur();
    private final FloatImage crop = new FloatImage();

    /** Where a finished crop goes: {@code index} counts crops within its resolution. */
    @FunctionalInterface
    interface Sink {
        void accept(int resolution, int index, FloatImage crop);
    }

    MultiCrop(List<SwavJobSpec.CropSpec> crops, SwavJobSpec.Augmentation augmentation) {
        this.crops = crops;
        this.augmentation = augmentation;
    }

    /** All crops of one picture, normalised; the raster given to {@code sink} is reused afterwards. */
    void crop(FloatImage picture, long seed, long epoch, long sample, Sink sink) {
        List<CropPlan> plans = CropPlan.all(crops, augmentation, picture.width, picture.height, seed, epoch, sample);
        int number = 0;
        for (int resolution = 0; resolution < crops.size(); resolution++) {
            SwavJobSpec.CropSpec spec = crops.get(resolution);
            for (int index = 0; index < spec.count(); index++) {
                CropPlan plan = plans.get(number++);
                resampler.resize(picture, plan.box(), plan.flip(), crop, spec.size(), spec.size());
                recolour(crop, plan.changes(), plan.grey());
                plan.sigma().ifPresent(sigma -> blur.apply(crop, sigma));
                normalise(crop);
                sink.accept(resolution, index, crop);
            }
        }
    }

    /** Colour jitter and grey. */
    static void recolour(FloatImage picture, List<CropPlan.Change> changes, boolean grey) {
        changes.forEach(change -> ColorJitter.change(picture, change));
        if (grey) {
            ColorJitter.grey(picture);
        }
    }

    static void normalise(FloatImage picture) {
        for (int c = 0; c < 3; c++) {
            float[] plane = picture.planes[c];
            float scale = scale(c);
            float offset = offset(c);
            for (int i = 0; i < picture.pixels(); i++) {
                plane[i] = plane[i] * scale + offset;
            }
        }
    }

    /** What {@link #normalise} multiplies a channel's levels by. */
    static float scale(int channel) {
        return 1 / (255 * STD[channel]);
    }

    /** What {@link #normalise} adds then. */
    static float offset(int channel) {
        return -MEAN[channel] / STD[channel];
    }

    /** Undoes {@link #normalise}, for people who want to look. */
    static void denormalise(FloatImage picture) {
        for (int c = 0; c < 3; c++) {
            float[] plane = picture.planes[c];
            for (int i = 0; i < picture.pixels(); i++) {
                plane[i] = 255 * (plane[i] * STD[c] + MEAN[c]);
            }
        }
    }
}
