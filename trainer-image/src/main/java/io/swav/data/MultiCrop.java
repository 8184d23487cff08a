package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.util.List;

/**
 * SwAV's augmentations of one picture (paper, appendix A): random resized crop, flip, colour jitter in random order,
 * grey, blur, normalisation. The random stream of a crop is keyed by (seed, epoch, sample, crop). Holds scratch space:
 * one instance a thread.
 */
final class MultiCrop {
    private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
    private static final float[] STD = {0.228f, 0.224f, 0.225f};
    private static final double FLIP = 0.5;
    private static final double STRENGTH = 0.8;
    private static final double HUE = 0.2;
    private static final double MIN_SIGMA = 0.1;
    private static final double MAX_SIGMA = 2;

    private final List<SwavJobSpec.CropSpec> crops;
    private final SwavJobSpec.Augmentation augmentation;
    private final Resampler resampler = new Resampler();
    private final Blur blur = new Blur();
    private final Raster crop = new Raster();

    /** Where a finished crop goes: {@code index} counts crops within its resolution. */
    @FunctionalInterface
    interface Sink {
        void accept(int resolution, int index, Raster crop);
    }

    MultiCrop(List<SwavJobSpec.CropSpec> crops, SwavJobSpec.Augmentation augmentation) {
        this.crops = crops;
        this.augmentation = augmentation;
    }

    /** All crops of one picture, normalised; the raster given to {@code sink} is reused afterwards. */
    void crop(Raster picture, long seed, long epoch, long sample, Sink sink) {
        int number = 0;
        for (int resolution = 0; resolution < crops.size(); resolution++) {
            SwavJobSpec.CropSpec spec = crops.get(resolution);
            for (int index = 0; index < spec.count(); index++) {
                KeyedRandom random = KeyedRandom.of(seed, epoch, sample, number++);
                CropBox box = CropBox.random(random, picture.width, picture.height, spec.minScale(), spec.maxScale());
                resampler.resize(picture, box, random.chance(FLIP), crop, spec.size(), spec.size());
                distort(crop, random);
                blur(crop, random);
                normalise(crop);
                sink.accept(resolution, index, crop);
            }
        }
    }

    /** Colour jitter and grey. */
    void distort(Raster picture, KeyedRandom random) {
        if (random.chance(augmentation.jitterProbability())) {
            jitter(picture, random);
        }
        if (random.chance(augmentation.grayProbability())) {
            Colours.grey(picture);
        }
    }

    private void jitter(Raster picture, KeyedRandom random) {
        double strength = STRENGTH * augmentation.jitterStrength();
        double turn = Math.min(0.5, HUE * augmentation.jitterStrength());
        float brightness = (float) random.uniform(Math.max(0, 1 - strength), 1 + strength);
        float contrast = (float) random.uniform(Math.max(0, 1 - strength), 1 + strength);
        float saturation = (float) random.uniform(Math.max(0, 1 - strength), 1 + strength);
        float hue = (float) random.uniform(-turn, turn);
        int[] order = {0, 1, 2, 3};
        for (int i = 3; i >= 0; i--) {
            int j = random.below(i + 1);
            switch (order[j]) {
                case 0 -> Colours.brightness(picture, brightness);
                case 1 -> Colours.contrast(picture, contrast);
                case 2 -> Colours.saturation(picture, saturation);
                default -> Colours.hue(picture, hue);
            }
            order[j] = order[i];
        }
    }

    void blur(Raster picture, KeyedRandom random) {
        if (random.chance(augmentation.blurProbability())) {
            blur.apply(picture, random.uniform(MIN_SIGMA, MAX_SIGMA));
        }
    }

    static void normalise(Raster picture) {
        for (int c = 0; c < 3; c++) {
            float[] plane = picture.planes[c];
            float scale = 1 / (255 * STD[c]);
            float offset = -MEAN[c] / STD[c];
            for (int i = 0; i < picture.pixels(); i++) {
                plane[i] = plane[i] * scale + offset;
            }
        }
    }

    /** Undoes {@link #normalise}, for people who want to look. */
    static void denormalise(Raster picture) {
        for (int c = 0; c < 3; c++) {
            float[] plane = picture.planes[c];
            for (int i = 0; i < picture.pixels(); i++) {
                plane[i] = 255 * (plane[i] * STD[c] + MEAN[c]);
            }
        }
    }
}
