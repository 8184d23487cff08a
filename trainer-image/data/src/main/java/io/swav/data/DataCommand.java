package io.swav.data;

import io.swav.api.Shown;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code swav data}: creates, packs and shows data sets. */
@Command(
        name = "data",
        description = "Creates, packs and shows data sets.",
        mixinStandardHelpOptions = true,
        subcommands = {DataCommand.Synth.class, DataCommand.Pack.class, DataCommand.ShowData.class})
public final class DataCommand {
    private static final int PER_SHARD = 1000;
    private static final int TEST_PART = 5;
    private static final int BAD_NAMED = 20;
    /** The maximum of training.augmentation.jitterStrength. */
    private static final double MAX_STRENGTH = 2;

    /** {@code swav data synth}. */
    @Command(
            name = "synth",
            description = "Draws a labelled data set of textured shapes: DIR/train and, a fifth as large, DIR/test.",
            mixinStandardHelpOptions = true)
    public static final class Synth implements Callable<Integer> {
        @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder to write.")
        private Path out = Path.of("");

        @Option(names = "--samples", description = "Number of training images (default: ${DEFAULT-VALUE}).")
        private int samples = 8000;

        @Option(names = "--classes", description = "Number of classes, 2 to 10 (default: ${DEFAULT-VALUE}).")
        private int classes = SyntheticImages.MAX_CLASSES;

        @Option(names = "--size", description = "Side of an image in pixels (default: ${DEFAULT-VALUE}).")
        private int size = 32;

        @Option(
                names = "--seed",
                description = "Random seed; the same seed gives the same images (default: ${DEFAULT-VALUE}).")
        private long seed = 31;

        @Override
        public Integer call() throws IOException {
            synthesize(out, samples, classes, size, seed);
            return 0;
        }
    }

    /** Writes {@code samples} images to {@code out/train} and a fifth as many to {@code out/test}. */
    public static void synthesize(Path out, int samples, int classes, int size, long seed) throws IOException {
        if (samples < 1 || classes < 2 || classes > SyntheticImages.MAX_CLASSES || size < 8) {
            throw DataException.badData("--samples must be positive, --classes 2 to " + SyntheticImages.MAX_CLASSES
                    + " and --size at least 8");
        }
        int test = Math.max(1, samples / TEST_PART);
        try (ProgressBar bar = new ProgressBar("drawing", samples + test)) {
            draw(out, "train", 0, samples, classes, size, seed, bar);
            draw(out, "test", samples, test, classes, size, seed, bar);
        }
    }

    private static void draw(
            Path out, String part, int first, int count, int classes, int size, long seed, ProgressBar bar)
            throws IOException {
        try (ShardWriter writer = new ShardWriter(out.resolve(part), "synth-" + part, PER_SHARD)) {
            for (int i = 0; i < count; i++) {
                FloatImage image = SyntheticImages.draw(seed, first + i, i % classes, size);
                writer.add(String.format("%s_%07d", part, i), ImageCodec.encode(image, ".jpg"), "jpg", i % classes);
                bar.step();
            }
        }
    }

    /** {@code swav data pack}. */
    @Command(
            name = "pack",
            description = "Packs a folder of images (class sub-folders, or flat) into tar shards, shuffled.",
            mixinStandardHelpOptions = true)
    public static final class Pack implements Callable<Integer> {
        @Parameters(paramLabel = "FOLDER", description = "Folder of images.")
        private Path folder = Path.of("");

        @Option(names = "--out", required = true, paramLabel = "DIR", description = "Folder to write.")
        private Path out = Path.of("");

        @Option(names = "--per-shard", description = "Samples in a shard (default: ${DEFAULT-VALUE}).")
        private int perShard = PER_SHARD;

        @Option(names = "--seed", description = "Random seed of the sample order (default: ${DEFAULT-VALUE}).")
        private long seed = 31;

        @Override
        public Integer call() throws IOException {
            try (DataSet data = DataSet.open(folder.toString());
                    ShardWriter writer = new ShardWriter(out, "shard", perShard);
                    ProgressBar bar = new ProgressBar("packing", data.size())) {
                List<String> bad = pack(data, writer, bar);
                if (bad.size() == data.size()) {
                    throw DataException.badData(
                            "none of the images in " + folder + " can be decoded; nothing was packed");
                }
                if (!bad.isEmpty()) {
                    bad.stream().limit(BAD_NAMED).forEach(name -> System.err.println("not packed: " + name));
                    System.err.printf(
                            "%d of %d images cannot be decoded and were not packed%n", bad.size(), data.size());
                }
            }
            return 0;
        }

        /** Packs every image that can be decoded, and returns the names of those that cannot, with the reason. */
        private List<String> pack(DataSet data, ShardWriter writer, ProgressBar bar) throws IOException {
            List<String> bad = new ArrayList<>();
            int number = 0;
            for (int sample : Sampler.permutation(seed, 0, data.size())) {
                String name = data.name(sample);
                try {
                    byte[] encoded = data.read(sample);
                    ImageCodec.decode(encoded, ImageLimits.standard());
                    String extension = name.substring(name.lastIndexOf('.') + 1);
                    writer.add(String.format("%09d", number++), encoded, extension, data.label(sample));
                } catch (BadImageException e) {
                    bad.add(Shown.of(name) + ": " + e.getMessage());
                }
                bar.step();
            }
            return bad;
        }
    }

    /** {@code swav data show}. */
    @Command(
            name = "show",
            description = "Writes a PNG: each row shows an image of the data set and its crops as training sees them.",
            mixinStandardHelpOptions = true)
    public static final class ShowData implements Callable<Integer> {
        @Parameters(paramLabel = "DATA", description = "Folder or URI of the data set.")
        private String data = "";

        @Option(names = "--out", paramLabel = "PNG", description = "File to write (default: ${DEFAULT-VALUE}).")
        private Path out = Path.of("crops.png");

        @Option(names = "--rows", description = "Number of images, one per row (default: ${DEFAULT-VALUE}).")
        private int rows = 10;

        @Option(names = "--large", description = "Side of the two large crops (default: ${DEFAULT-VALUE}).")
        private int large = 32;

        @Option(names = "--small", description = "Side of the small crops (default: ${DEFAULT-VALUE}).")
        private int small = 20;

        @Option(names = "--strength", description = "Strength of the color jitter (default: ${DEFAULT-VALUE}).")
        private double strength = 1;

        @Option(names = "--seed", description = "Random seed of the crops (default: ${DEFAULT-VALUE}).")
        private long seed = 31;

        @Override
        public Integer call() throws IOException {
            if (!(strength >= 0 && strength <= MAX_STRENGTH)) { // NaN is neither
                throw DataException.badData("--strength is " + strength + ", must be from 0 to " + MAX_STRENGTH);
            }
            List<SwavJobSpec.CropSpec> crops = List.of(
                    new SwavJobSpec.CropSpec(2, large, 0.14, 1.0), new SwavJobSpec.CropSpec(4, small, 0.05, 0.14));
            ContactSheet sheet =
                    new ContactSheet(crops, new SwavJobSpec.Augmentation(strength, 0.8, 0.2, 0.5), rows, large);
            try (DataSet set = DataSet.open(data)) {
                ImageCodec.write(sheet.of(set, seed), out);
            }
            System.out.println(out.toAbsolutePath());
            return 0;
        }
    }
}
