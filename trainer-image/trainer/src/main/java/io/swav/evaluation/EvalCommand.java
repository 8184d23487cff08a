package io.swav.evaluation;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.StorageUri;
import io.swav.data.WorkProgress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code swav eval}: measures the quality of frozen features. */
@Command(
        name = "eval",
        description = "Measures a frozen backbone on labelled images.",
        mixinStandardHelpOptions = true,
        subcommands = {EvalCommand.KnnCommand.class, EvalCommand.LinearCommand.class})
public final class EvalCommand {

    private static final class WeightsOption {
        @Option(
                names = "--weights",
                paramLabel = "FILE",
                description = "Weights: backbone.safetensors, model.safetensors or the folder of a checkpoint.")
        private @Nullable Path weights;

        @Option(names = "--untrained", description = "Measure the network before training, for comparison.")
        private boolean untrained;

        Optional<Path> path() {
            return untrained ? Optional.empty() : Optional.ofNullable(weights);
        }
    }

    private abstract static class Measurement implements Callable<Integer> {
        @ArgGroup(multiplicity = "1")
        private WeightsOption weightsOption = new WeightsOption();

        @Option(
                names = "--config",
                required = true,
                paramLabel = "FILE",
                description = "Manifest of the SwavJob, or only its spec.")
        private Path config = Path.of("");

        @Option(
                names = "--train",
                required = true,
                paramLabel = "DATA",
                description = "Folder or URI of labelled training images.")
        private String train = "";

        @Option(
                names = "--test",
                required = true,
                paramLabel = "DATA",
                description = "Folder or URI of labelled test images.")
        private String test = "";

        @Option(
                names = "--features",
                paramLabel = "DIR",
                description = "Keep the features in DIR, 4 bytes a value, and use those that are there already if"
                        + " weights and images are the same (default: a temporary file).")
        private @Nullable Path features;

        @Option(names = "--json", paramLabel = "FILE", description = "Also write the result to FILE as JSON.")
        private @Nullable Path json;

        abstract String name();

        abstract Evaluation.Classifier classifier();

        @Override
        public Integer call() throws IOException {
            require("--train", train);
            require("--test", test);
            double top1 = Evaluation.top1(
                    SpecLoader.load(config),
                    weightsOption.path(),
                    train,
                    test,
                    Optional.ofNullable(features),
                    classifier(),
                    WorkProgress::console);
            System.out.printf(Locale.ROOT, "%s top-1: %.2f %%%n", name(), top1);
            if (json != null) {
                new ObjectMapper().writeValue(json.toFile(), Map.of("top1", top1));
            }
            return ExitCodes.OK;
        }
    }

    private static void require(String option, String data) {
        try {
            StorageUri.requireData(data);
        } catch (IllegalArgumentException e) {
            throw new EvalException(ExitCodes.CONFIG, option + ": " + e.getMessage());
        }
    }

    /** {@code swav eval knn}. */
    @Command(
            name = "knn",
            description = "Classifies by weighted nearest neighbors (cosine similarity); nothing is trained.",
            mixinStandardHelpOptions = true)
    public static final class KnnCommand extends Measurement {
        @Option(names = "--k", description = "Number of neighbors (default: ${DEFAULT-VALUE}).")
        private int k = KnnClassifier.DEFAULT.k();

        @Override
        String name() {
            return "kNN";
        }

        @Override
        Evaluation.Classifier classifier() {
            return new KnnClassifier(k, KnnClassifier.DEFAULT.temperature());
        }
    }

    /** {@code swav eval linear}. */
    @Command(
            name = "linear",
            description = "Trains a linear classifier on frozen features of the images' center crops.",
            mixinStandardHelpOptions = true)
    public static final class LinearCommand extends Measurement {
        @Option(names = "--epochs", description = "Number of epochs (default: ${DEFAULT-VALUE}).")
        private int epochs = LinearProbe.DEFAULT.epochs();

        @Override
        String name() {
            return "linear";
        }

        @Override
        Evaluation.Classifier classifier() {
            LinearProbe swav = LinearProbe.DEFAULT;
            return new LinearProbe(
                    epochs, swav.learningRate(), swav.momentum(), swav.weightDecay(), swav.batch(), swav.seed());
        }
    }
}
