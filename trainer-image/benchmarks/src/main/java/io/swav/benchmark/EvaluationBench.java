package io.swav.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.common.KeyedRandom;
import io.swav.data.WorkProgress;
import io.swav.evaluation.Evaluation;
import io.swav.evaluation.FeatureMatrix;
import io.swav.evaluation.KnnClassifier;
import io.swav.evaluation.LinearProbe;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench evaluation}: measures kNN and linear probe on drawn features, by default as many as ImageNet has. */
@Command(
        name = "evaluation",
        mixinStandardHelpOptions = true,
        description = "Measures time and memory of kNN and linear probe on drawn features in a file.")
public final class EvaluationBench implements Callable<Integer> {
    private static final int BUFFER_ROWS = 1024;

    @Option(names = "--rows", description = "Number of training rows (default: ${DEFAULT-VALUE}).")
    private int rows = 1_281_167;

    @Option(names = "--tests", description = "Number of test rows (default: ${DEFAULT-VALUE}).")
    private int tests = 2000;

    @Option(names = "--width", description = "Values of a row (default: ${DEFAULT-VALUE}).")
    private int width = 2048;

    @Option(names = "--classes", description = "Number of classes (default: ${DEFAULT-VALUE}).")
    private int classes = 1000;

    @Option(
            names = "--noise",
            description = "Largest deviation from a class's center, whose values are up to 1 (default:"
                    + " ${DEFAULT-VALUE}).")
    private double noise = 5;

    @Option(names = "--epochs", description = "Epochs of the linear probe, 0 for none (default: ${DEFAULT-VALUE}).")
    private int epochs = 1;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            description = "Folder for the features; they stay there, and are drawn again if they are not as many"
                    + " (default: a temporary folder).")
    private @Nullable Path dir;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE, JSON.")
    private @Nullable Path json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        Path folder = dir != null ? Files.createDirectories(dir) : Files.createTempDirectory("swav-bench");
        Map<String, Double> figures = new TreeMap<>();
        TorchRuntime.start();
        try (FileChannel train = FileChannel.open(drawn(folder.resolve("train.f32"), rows, 1));
                FileChannel test = FileChannel.open(drawn(folder.resolve("test.f32"), tests, 2))) {
            FeatureMatrix trainRows = FeatureMatrix.of(width, labels(rows), train, 0);
            FeatureMatrix testRows = FeatureMatrix.of(width, labels(tests), test, 0);
            measure("kNN", KnnClassifier.DEFAULT, trainRows, testRows, figures);
            LinearProbe swav = LinearProbe.DEFAULT;
            if (epochs > 0) {
                LinearProbe probe = new LinearProbe(
                        epochs, swav.learningRate(), swav.momentum(), swav.weightDecay(), swav.batch(), swav.seed());
                measure("linear", probe, trainRows, testRows, figures);
            }
        } finally {
            if (dir == null) {
                Files.deleteIfExists(folder.resolve("train.f32"));
                Files.deleteIfExists(folder.resolve("test.f32"));
                Files.delete(folder);
            }
        }
        if (json != null) {
            new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), figures);
        }
        return 0;
    }

    private void measure(
            String name,
            Evaluation.Classifier classifier,
            FeatureMatrix train,
            FeatureMatrix test,
            Map<String, Double> figures)
            throws IOException {
        long begin = System.nanoTime();
        double top1 = classifier.top1(train, test, WorkProgress::console);
        double seconds = (System.nanoTime() - begin) / 1e9;
        double peak = StepBench.peakRss() / 1e6;
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                Locale.ROOT,
                "%s of %d rows among %d x %d: top-1 %.2f %%, %.1f s, peak %.0f MB%n",
                name,
                test.rows(),
                train.rows(),
                train.width(),
                top1,
                seconds,
                peak);
        out.flush();
        figures.put(name + "Top1", top1);
        figures.put(name + "Seconds", seconds);
        figures.put(name + "PeakMb", peak);
    }

    private int[] labels(int count) {
        int[] labels = new int[count];
        for (int row = 0; row < count; row++) {
            labels[row] = row % classes;
        }
        return labels;
    }

    /** Draws rows around their classes' centers, unless the file has as many. */
    private Path drawn(Path file, int count, long seed) throws IOException {
        long bytes = (long) count * width * Float.BYTES;
        if (Files.exists(file) && Files.size(file) == bytes) {
            return file;
        }
        float[][] centers = new float[classes][width];
        for (int label = 0; label < classes; label++) {
            KeyedRandom random = KeyedRandom.of(0, label);
            for (int i = 0; i < width; i++) {
                centers[label][i] = (float) random.uniform(-1, 1);
            }
        }
        ByteBuffer buffer =
                ByteBuffer.allocateDirect(BUFFER_ROWS * width * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel channel = FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE);
                WorkProgress progress = WorkProgress.console("drawing", count, "rows")) {
            float[] row = new float[width];
            for (int from = 0; from < count; from += BUFFER_ROWS) {
                int some = Math.min(BUFFER_ROWS, count - from);
                buffer.clear();
                for (int at = from; at < from + some; at++) {
                    KeyedRandom random = KeyedRandom.of(seed, at);
                    float[] center = centers[at % classes];
                    for (int i = 0; i < width; i++) {
                        row[i] = center[i] + (float) random.uniform(-noise, noise);
                    }
                    buffer.asFloatBuffer().put(row);
                    buffer.position(buffer.position() + width * Float.BYTES);
                }
                buffer.flip();
                while (buffer.hasRemaining()) {
                    channel.write(buffer);
                }
                progress.advance(some);
            }
        }
        return file;
    }
}
