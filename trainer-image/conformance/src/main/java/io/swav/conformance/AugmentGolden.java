package io.swav.conformance;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.JsonNode;
import io.swav.api.CropSpec;
import io.swav.api.TrainingSpec;
import io.swav.common.KeyedRandom;
import io.swav.data.Blur;
import io.swav.data.CropBox;
import io.swav.data.CropPlan;
import io.swav.data.FloatImage;
import io.swav.data.MultiCrop;
import io.swav.data.Operations;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import java.util.function.ToDoubleFunction;

/**
 * Compares this package with numbers of the reference's transforms ({@code augment.npz} and {@code augment.json} of the
 * fixtures). Operations with fixed factors are compared pixel by pixel, on the host and on the device that
 * computes; random operations are compared by their distributions.
 */
public final class AugmentGolden {
    private static final int DRAWS = 20_000;
    private static final int IMAGES = 12_000;
    private static final String[] QUANTILES = {"q01", "q10", "q25", "q50", "q75", "q90", "q99"};
    private static final TrainingSpec.Augmentation SWAV = new TrainingSpec.Augmentation(1.0, 0.8, 0.2, 0.5);

    private final ReferenceArrays arrays;
    private final JsonNode meta;
    private final List<Check> checks = new ArrayList<>();

    /** One comparison; passed when {@code error} is at most {@code tolerance}. */
    public record Check(String name, double error, double tolerance) {
        public boolean passed() {
            return error <= tolerance;
        }
    }

    /** The arrays of augment.npz; images are (height, width, 3), levels from 0 to 255. */
    public interface ReferenceArrays {
        SortedSet<String> keys();

        Shape shape(String key);

        /** Returns all numbers of an array in C order. */
        float[] floats(String key);
    }

    private AugmentGolden(ReferenceArrays arrays, JsonNode meta) {
        this.arrays = arrays;
        this.meta = meta;
    }

    /**
     * Runs all comparisons.
     *
     * @param meta the content of augment.json
     */
    public static List<Check> run(ReferenceArrays arrays, JsonNode meta) {
        try (NDManager device = TorchRuntime.root()) {
            AugmentGolden golden = new AugmentGolden(arrays, meta);
            for (String name : arrays.keys()) {
                golden.fixedFactor(name, "", new Operations.Host());
                golden.fixedFactor(name, " on " + device.getDevice(), new Operations.Device(device));
            }
            golden.boxes();
            golden.distributions();
            return List.copyOf(golden.checks);
        }
    }

    private void fixedFactor(String name, String where, Operations operations) {
        int slash = name.indexOf('/');
        if (!name.startsWith("img") || slash < 0 || name.endsWith("/input")) {
            return;
        }
        FloatImage image = image(name.substring(0, slash) + "/input");
        String[] parts = name.substring(slash + 1).split("_", -1);
        double factor = parts.length == 2 ? Double.parseDouble(parts[1]) : 0;
        String title = name + where;
        switch (parts[0]) {
            case "brightness", "contrast", "saturation" -> {
                CropPlan.Color color = CropPlan.Color.valueOf(parts[0].toUpperCase(Locale.ROOT));
                operations.change(image, new CropPlan.ColorStep(color, (float) factor));
                max(title, name, image, 1);
            }
            case "gray" -> {
                operations.gray(image);
                max(title, name, image, 1);
            }
            case "hue" -> {
                operations.change(image, new CropPlan.ColorStep(CropPlan.Color.HUE, (float) factor));
                mean(title, name, image, 2);
            }
            case "blur" -> {
                operations.blur(image, factor);
                mean(title, name, image, 1.5);
                max(title, name, image, 8);
            }
            case "hflip" -> {
                FloatImage flipped = new FloatImage();
                CropBox whole = CropBox.whole(image.width, image.height);
                operations.resize(image, whole, true, flipped, image.width, image.height);
                max(title, name, flipped, 0);
            }
            case "resized" -> {
                FloatImage resized = resizedCrop(operations, image, parts, 2);
                mean(title, name, resized, 1);
                max(title, name, resized, 3);
            }
            case "normalized" -> normalized(operations, title, name, parts);
            default -> checks.add(new Check(title + " (no such operation here)", Double.NaN, 0));
        }
    }

    /**
     * Resizes a box of the image. {@code parts} from {@code at} on are top, left, height, width, and "to" with the
     * side.
     */
    private static FloatImage resizedCrop(Operations operations, FloatImage image, String[] parts, int at) {
        int[] box = Arrays.stream(parts, at, at + 4).mapToInt(Integer::parseInt).toArray();
        int size = Integer.parseInt(parts[at + 4].substring(2));
        FloatImage resized = new FloatImage();
        operations.resize(image, new CropBox(box[0], box[1], box[2], box[3]), false, resized, size, size);
        return resized;
    }

    /** Checks normalization alone, on the reference's own crop, whose levels are whole. */
    private void normalized(Operations operations, String title, String name, String[] parts) {
        String source = name.substring(0, name.indexOf('/'));
        FloatImage image = image(source + "/resized_crop_"
                + String.join("_", Arrays.asList(parts).subList(1, parts.length)));
        operations.normalize(image);
        float[] expected = arrays.floats(name);
        double error = 0;
        for (int i = 0; i < expected.length; i++) {
            error = Math.max(error, Math.abs(expected[i] - image.planes[i / image.pixels()][i % image.pixels()]));
        }
        checks.add(new Check(title + " max", error, 1e-5));
    }

    private FloatImage image(String name) {
        Shape shape = arrays.shape(name);
        FloatImage image = new FloatImage();
        image.load(levels(name), Math.toIntExact(shape.get(1)), Math.toIntExact(shape.get(0)), 0);
        return image;
    }

    private byte[] levels(String name) {
        float[] values = arrays.floats(name);
        byte[] levels = new byte[values.length];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = (byte) Math.round(values[i]);
        }
        return levels;
    }

    private void max(String title, String name, FloatImage image, double tolerance) {
        checks.add(new Check(
                title + " max", Arrays.stream(differences(name, image)).max().orElse(0), tolerance));
    }

    private void mean(String title, String name, FloatImage image, double tolerance) {
        checks.add(new Check(
                title + " mean",
                Arrays.stream(differences(name, image)).average().orElse(0),
                tolerance));
    }

    private int[] differences(String name, FloatImage image) {
        byte[] expected = levels(name);
        byte[] actual = image.toBytes();
        int[] differences = new int[expected.length];
        for (int i = 0; i < expected.length; i++) {
            differences[i] = Math.abs((expected[i] & 0xff) - (actual[i] & 0xff));
        }
        return differences;
    }

    /**
     * Compares the distribution functions of all quantities that the reference reports about its rectangles, within 2
     * %.
     */
    private void boxes() {
        int number = 0;
        for (JsonNode one : meta.path("rrc")) {
            int width = one.get("W").asInt();
            int height = one.get("H").asInt();
            KeyedRandom random = KeyedRandom.of(number);
            List<CropBox> drawn = new ArrayList<>();
            for (int i = 0; i < DRAWS; i++) {
                drawn.add(CropBox.random(
                        random,
                        width,
                        height,
                        one.get("scale").get(0).asDouble(),
                        one.get("scale").get(1).asDouble()));
            }
            String name = "rrc/case" + number++;
            distribution(name, one, "area_frac", drawn, b -> (double) b.width() * b.height() / width / height);
            distribution(name, one, "log_aspect", drawn, b -> Math.log((double) b.width() / b.height()));
            distribution(name, one, "centre_x", drawn, b -> (b.left() + b.width() / 2.0) / width);
            distribution(name, one, "centre_y", drawn, b -> (b.top() + b.height() / 2.0) / height);
            distribution(name, one, "w", drawn, CropBox::width);
            distribution(name, one, "h", drawn, CropBox::height);
        }
    }

    /**
     * Records the largest distance between this distribution function and the reference's at its quantiles (ties allow
     * a range).
     */
    private void distribution(
            String name, JsonNode one, String quantity, List<CropBox> drawn, ToDoubleFunction<CropBox> of) {
        double[] values = drawn.stream().mapToDouble(of).sorted().toArray();
        double worst = 0;
        for (String q : QUANTILES) {
            double level = Integer.parseInt(q.substring(1)) / 100.0;
            double at = one.get(quantity).get(q).asDouble();
            double slack = 1e-9 * Math.max(1, Math.abs(at));
            double below = Arrays.stream(values).filter(v -> v < at - slack).count() / (double) values.length;
            double upTo = Arrays.stream(values).filter(v -> v <= at + slack).count() / (double) values.length;
            worst = Math.max(worst, Math.max(below - level, level - upTo));
        }
        checks.add(new Check(name + " " + quantity + " distribution", worst, 0.02));
    }

    private void distributions() {
        FloatImage image = image("stat_image_64");
        Blur blur = new Blur();
        stats("color_distortion_stats", image, (out, random) -> {
            List<CropPlan.ColorStep> changes = CropPlan.changes(random, SWAV);
            MultiCrop.recolor(out, changes, CropPlan.gray(random, SWAV));
        });
        double unchanged = stats(
                "blur_stats",
                image,
                (out, random) -> CropPlan.sigma(random, SWAV).ifPresent(sigma -> blur.apply(out, sigma)));
        checks.add(new Check(
                "blur_unchanged_fraction",
                Math.abs(unchanged - meta.get("blur_unchanged_fraction").asDouble()),
                0.03));
        FloatImage large = image("img0/input");
        stats("full_pipeline_96_stats", large, pipeline(large, 0.05, 0.14));
        stats("full_pipeline_big_at96_stats", large, pipeline(large, 0.14, 1));
    }

    private static BiConsumer<FloatImage, KeyedRandom> pipeline(FloatImage image, double minScale, double maxScale) {
        MultiCrop crops = new MultiCrop(List.of(new CropSpec(1, 96, minScale, maxScale)), SWAV);
        return (out, random) -> crops.crop(image, random.nextLong(), 0, 0, (resolution, index, crop) -> {
            MultiCrop.denormalize(crop);
            out.copyFrom(crop);
        });
    }

    /**
     * Compares statistics over many draws.
     *
     * @return the fraction of draws that changed nothing
     */
    private double stats(String name, FloatImage image, BiConsumer<FloatImage, KeyedRandom> draw) {
        String[] quantities = {"mean_R", "mean_G", "mean_B", "std_R", "std_G", "std_B", "mean_abs_dx", "overall_mean"};
        double[] sums = new double[quantities.length];
        int gray = 0;
        int unchanged = 0;
        byte[] before = image.toBytes();
        KeyedRandom random = KeyedRandom.of(name.hashCode());
        FloatImage out = new FloatImage();
        for (int i = 0; i < IMAGES; i++) {
            out.copyFrom(image);
            draw.accept(out, random);
            byte[] after = out.toBytes();
            unchanged += Arrays.equals(before, after) ? 1 : 0;
            gray += isGray(after) ? 1 : 0;
            addStatistics(after, out.width, sums);
        }
        JsonNode expected = meta.get(name);
        for (int q = 0; q < quantities.length; q++) {
            double mean = expected.get(quantities[q]).get("mean").asDouble();
            checks.add(new Check(name + " " + quantities[q], Math.abs(sums[q] / IMAGES - mean) / mean, 0.03));
        }
        double grayFraction = gray / (double) IMAGES;
        checks.add(new Check(
                name + " gray_fraction",
                Math.abs(grayFraction - expected.get("gray_fraction").asDouble()),
                0.03));
        return unchanged / (double) IMAGES;
    }

    private static boolean isGray(byte[] rgb) {
        for (int i = 0; i < rgb.length; i += 3) {
            if (rgb[i] != rgb[i + 1] || rgb[i] != rgb[i + 2]) {
                return false;
            }
        }
        return true;
    }

    /**
     * Adds means and standard deviations by channel, the mean |difference of horizontal neighbors|, and the mean over
     * all.
     */
    private static void addStatistics(byte[] rgb, int width, double[] sums) {
        double[] sum = new double[3];
        double[] squares = new double[3];
        double steps = 0;
        int pixels = rgb.length / 3;
        for (int i = 0; i < rgb.length; i++) {
            int level = rgb[i] & 0xff;
            sum[i % 3] += level;
            squares[i % 3] += (double) level * level;
            if (i / 3 % width > 0) {
                steps += Math.abs(level - (rgb[i - 3] & 0xff));
            }
        }
        for (int c = 0; c < 3; c++) {
            double mean = sum[c] / pixels;
            sums[c] += mean;
            sums[3 + c] += Math.sqrt(Math.max(0, squares[c] / pixels - mean * mean));
            sums[7] += mean / 3;
        }
        sums[6] += steps / (3.0 * (pixels - pixels / width));
    }
}
