package io.swav.data;

import io.swav.api.CropSpec;
import io.swav.api.TrainingSpec;
import io.swav.common.KeyedRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * The plan of SwAV's augmentations (paper, appendix A) for one crop of one image: every random decision, and no pixels.
 * The random stream of a crop is keyed by (seed, epoch, sample, crop).
 *
 * @param changes color jitter in the order of application; empty for none
 * @param sigma of the blur in pixels; empty for no blur
 */
public record CropPlan(CropBox box, boolean flip, List<ColorStep> changes, boolean gray, OptionalDouble sigma) {
    private static final double FLIP = 0.5;
    private static final double STRENGTH = 0.8;
    private static final double HUE = 0.2;
    private static final double MIN_SIGMA = 0.1;
    static final double MAX_SIGMA = 2;

    /** A kind of color change, in the order in which the factors are drawn. */
    public enum Color {
        BRIGHTNESS,
        CONTRAST,
        SATURATION,
        HUE
    }

    /** One color change; its factor has the meaning described at {@link ColorJitter}. */
    public record ColorStep(Color color, float factor) {}

    /** Plans all crops of one image, in the order of {@code crops}. */
    public static List<CropPlan> all(
            List<CropSpec> crops,
            TrainingSpec.Augmentation augmentation,
            int width,
            int height,
            long seed,
            long epoch,
            long sample) {
        List<CropPlan> plans = new ArrayList<>();
        for (CropSpec spec : crops) {
            for (int index = 0; index < spec.count(); index++) {
                KeyedRandom random = KeyedRandom.of(seed, epoch, sample, plans.size());
                CropBox box = CropBox.random(random, width, height, spec.minScale(), spec.maxScale());
                boolean flip = random.chance(FLIP);
                List<ColorStep> changes = changes(random, augmentation);
                boolean gray = gray(random, augmentation);
                plans.add(new CropPlan(box, flip, changes, gray, sigma(random, augmentation)));
            }
        }
        return plans;
    }

    public static List<ColorStep> changes(KeyedRandom random, TrainingSpec.Augmentation augmentation) {
        if (!random.chance(augmentation.jitterProbability())) {
            return List.of();
        }
        double strength = STRENGTH * augmentation.jitterStrength();
        double turn = Math.min(0.5, HUE * augmentation.jitterStrength());
        List<ColorStep> remaining = new ArrayList<>();
        for (Color color : Color.values()) {
            double factor = color == Color.HUE
                    ? random.uniform(-turn, turn)
                    : random.uniform(Math.max(0, 1 - strength), 1 + strength);
            remaining.add(new ColorStep(color, (float) factor));
        }
        List<ColorStep> changes = new ArrayList<>();
        for (int i = remaining.size() - 1; i >= 0; i--) {
            int j = random.below(i + 1);
            changes.add(remaining.get(j));
            remaining.set(j, remaining.get(i));
        }
        return changes;
    }

    public static boolean gray(KeyedRandom random, TrainingSpec.Augmentation augmentation) {
        return random.chance(augmentation.grayProbability());
    }

    public static OptionalDouble sigma(KeyedRandom random, TrainingSpec.Augmentation augmentation) {
        return random.chance(augmentation.blurProbability())
                ? OptionalDouble.of(random.uniform(MIN_SIGMA, MAX_SIGMA))
                : OptionalDouble.empty();
    }
}
