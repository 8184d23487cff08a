package io.swav.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code swav data synth}. */
@Command(
        name = "synth",
        description = "Draws a labelled data set of textured shapes: DIR/train and, a fifth as large, DIR/test.",
        mixinStandardHelpOptions = true)
public final class DataSynthCommand implements Callable<Integer> {
    private static final int PER_SHARD = 1000;
    private static final int TEST_PART = 5;

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
}
