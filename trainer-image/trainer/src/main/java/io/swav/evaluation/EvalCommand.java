package io.swav.evaluation;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.StorageUri;
import io.swav.api.SwavJobSpec;
import io.swav.data.CenterCrop;
import io.swav.data.WorkProgress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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

    private abstract static class OfWeights implements Callable<Integer> {
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

        /** Measures, prints the result, and returns it for JSON. */
        abstract Map<String, Object> measure(SwavJobSpec spec);

        @Override
        public Integer call() throws IOException {
            require("--train", train);
            require("--test", test);
            Map<String, Object> result = measure(SpecLoader.load(config));
            if (json != null) {
                new ObjectMapper().writeValue(json.toFile(), result);
            }
            return ExitCodes.OK;
        }

        <T> T ofNetwork(SwavJobSpec spec, Evaluation.Measurement<T> measurement) {
            return Evaluation.measure(
                    spec,
                    weightsOption.path(),
                    train,
                    test,
                    Optional.ofNullable(features),
                    measurement,
                    WorkProgress::console);
        }

        <T> T ofPixels(SwavJobSpec spec, Evaluation.Measurement<T> measurement) {
            return Evaluation.measurePixels(spec, train, test, measurement, WorkProgress::console);
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
            description = {
                "Classifies by weighted nearest neighbors (cosine similarity); nothing is trained.",
                "Beside each figure stands that of the images' raw pixels, which a network should beat; not for views of more"
                        + " than " + KnnCommand.LARGEST_PIXEL_VIEW + " pixels a side."
            },
            mixinStandardHelpOptions = true)
    public static final class KnnCommand extends OfWeights {
        /** The features of larger views would need more room than the images themselves. */
        private static final int LARGEST_PIXEL_VIEW = 64;

        @Option(
                names = "--k",
                split = ",",
                paramLabel = "K",
                description = "Numbers of neighbors, for example 20,200 (default: 20).")
        private List<Integer> ks = List.of(KnnClassifier.DEFAULT.k());

        @Option(
                names = "--temperature",
                split = ",",
                paramLabel = "T",
                description = "Temperatures, each for every number of neighbors (default: 0.07).")
        private List<Double> temperatures = List.of(KnnClassifier.DEFAULT.temperature());

        @Override
        Map<String, Object> measure(SwavJobSpec spec) {
            List<KnnClassifier> settings = settings();
            Evaluation.Measurement<List<Double>> knn =
                    (train, test, follower) -> KnnClassifier.top1(settings, train, test, follower);
            List<Double> ofNetwork = ofNetwork(spec, knn);
            int side = new CenterCrop(spec).side();
            List<Double> ofPixels = side <= LARGEST_PIXEL_VIEW ? ofPixels(spec, knn) : List.of();
            List<Map<String, Object>> all = new ArrayList<>();
            for (int i = 0; i < settings.size(); i++) {
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("k", settings.get(i).k());
                one.put("temperature", settings.get(i).temperature());
                one.put("top1", ofNetwork.get(i));
                String beside = "";
                if (!ofPixels.isEmpty()) {
                    one.put("rawPixelsTop1", ofPixels.get(i));
                    beside = String.format(Locale.ROOT, "; raw pixels: %.2f %%", ofPixels.get(i));
                }
                System.out.printf(
                        Locale.ROOT,
                        "kNN top-1: %.2f %% (k %d, temperature %s)%s%n",
                        ofNetwork.get(i),
                        settings.get(i).k(),
                        settings.get(i).temperature(),
                        beside);
                all.add(one);
            }
            if (ofPixels.isEmpty()) {
                System.out.println("no figure of raw pixels: views of " + side + " pixels a side are larger than "
                        + LARGEST_PIXEL_VIEW);
            }
            Map<String, Object> result = new LinkedHashMap<>(all.get(0));
            result.put("all", all);
            return result;
        }

        private List<KnnClassifier> settings() {
            List<KnnClassifier> settings = new ArrayList<>();
            try {
                for (int k : ks) {
                    for (double temperature : temperatures) {
                        settings.add(new KnnClassifier(k, temperature));
                    }
                }
            } catch (IllegalArgumentException e) {
                throw new EvalException(ExitCodes.CONFIG, String.valueOf(e.getMessage()));
            }
            return settings;
        }
    }

    /** {@code swav eval linear}. */
    @Command(
            name = "linear",
            description = "Trains a linear classifier on frozen features of the images' center crops.",
            mixinStandardHelpOptions = true)
    public static final class LinearCommand extends OfWeights {
        @Option(names = "--epochs", description = "Number of epochs (default: ${DEFAULT-VALUE}).")
        private int epochs = LinearProbe.DEFAULT.epochs();

        @Override
        Map<String, Object> measure(SwavJobSpec spec) {
            LinearProbe swav = LinearProbe.DEFAULT;
            LinearProbe probe = new LinearProbe(
                    epochs, swav.learningRate(), swav.momentum(), swav.weightDecay(), swav.batch(), swav.seed());
            double top1 = ofNetwork(spec, probe::top1);
            System.out.printf(Locale.ROOT, "linear top-1: %.2f %%%n", top1);
            return Map.of("top1", top1);
        }
    }
}
