package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What SwAV's augmentations (paper, appendix A) do to make one crop of one picture: every random decision, and no pixel.
 * The random stream of a crop is keyed by (seed, epoch, sample, crop).
 *
 * @param changes colour jitter in its order; none where there is none
 * @param sigma of the blur, pixels
 */
record CropPlan(CropBox box, boolean flip, List<Change> changes, boolean grey, OptionalDouble sigma) {
    private static final double FLIP = 0.5;
    private static final double STRENGTH = 0.8;
    private static final double HUE = 0.2;
    private static final double MIN_SIGMA = 0.1;
    static final double MAX_SIGMA = 2;

    /** A step of colour jitter, in the order in which their factors are drawn. */
    enum Colour {
        BRIGHTNESS,
        CONTRAST,
        SATURATION,
        HUE
    }

    /** One step, its factor as in {@link ColorJitter}. */
    record Change(Colour colour, float factor) {}

    /** Of all crops of one picture, in the order of {@code crops}. */
    static List<CropPlan> all(
            List<SwavJobSpec.CropSpec> crops,
            SwavJobSpec.Augmentation augmentation,
            int width,
            int height,
            long seed,
            long epoch,
            long sample) {
        List<CropPlan> plans = new ArrayList<>();
        for (SwavJobSpec.CropSpec spec : crops) {
            for (int index = 0; index < spec.count(); index++) {
                KeyedRandom random = KeyedRandom.of(seed, epoch, sample, plans.size());
                CropBox box = CropBox.random(random, width, height, spec.minScale(), spec.maxScale());
                boolean flip = random.chance(FLIP);
                List<Change> changes = changes(random, augmentation);
                boolean grey = grey(random, augmentation);
                plans.add(new CropPlan(box, flip, changes, grey, sigma(random, augmentation)));
            }
        }
        return plans;
    }

    static List<Change> changes(KeyedRandom random, SwavJobSpec.Augmentation augmentation) {
        if (!random.chance(augmentation.jitterProbability())) {
            return List.of();
        }
        double strength = STRENGTH * augmentation.jitterStrength();
        double turn = Math.min(0.5, HUE * augmentation.jitterStrength());
        List<Change> left = new ArrayList<>();
        for (Colour colour : Colour.values()) {
            double factor = colour == Colour.HUE
                    ? random.uniform(-turn, turn)
                    : random.uniform(Math.max(0, 1 - strength), 1 + strength);
            left.add(new Change(colour, (float) factor));
        }
        List<Change> changes = new ArrayList<>();
        for (int i = left.size() - 1; i >= 0; i--) {
            int j = random.below(i + 1);
            changes.add(left.get(j));
            left.set(j, left.get(i));
        }
        return changes;
    }

    static boolean grey(KeyedRandom random, SwavJobSpec.Augmentation augmentation) {
        return random.chance(augmentation.grayProbability());
    }

    static OptionalDouble sigma(KeyedRandom random, SwavJobSpec.Augmentation augmentation) {
        return random.chance(augmentation.blurProbability())
                ? OptionalDouble.of(random.uniform(MIN_SIGMA, MAX_SIGMA))
                : OptionalDouble.empty();
    }
}
