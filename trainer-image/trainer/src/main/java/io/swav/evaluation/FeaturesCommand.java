package io.swav.evaluation;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.ExitCodes;
import io.swav.api.Shown;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.data.BadSampleLog;
import io.swav.data.DataSet;
import io.swav.data.WorkProgress;
import io.swav.evaluation.FeatureWriter.FeatureFormat;
import io.swav.numerics.Numerics;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code swav features}: writes the features of images. */
@Command(
        name = "features",
        description = {
            "Writes the pooled features of images, computed by a frozen backbone from their center crops: one row per"
                    + " image. The file appears when it is complete.",
            "Safetensors: features (F32), labels (I64, -1 for none) and names (U8, each name ended by a zero byte)."
                    + " NumPy: an array (float32), and FILE.csv with name, label and class of each row."
        },
        mixinStandardHelpOptions = true)
public final class FeaturesCommand implements Callable<Integer> {
    @Parameters(paramLabel = "DATA", description = "Folder or URI of images; labels are not needed.")
    private String data = "";

    @Option(
            names = "--weights",
            required = true,
            paramLabel = "FILE",
            description = "Weights: backbone.safetensors, model.safetensors or the folder of a checkpoint.")
    private Path weights = Path.of("");

    @Option(
            names = "--out",
            required = true,
            paramLabel = "FILE",
            description = "File to write; it replaces an earlier one when it is complete.")
    private Path out = Path.of("");

    @Option(
            names = "--format",
            paramLabel = "Safetensors|Npy",
            description = "Format: ${COMPLETION-CANDIDATES} (default: Npy if FILE ends in .npy, else Safetensors).")
    private @Nullable FeatureFormat format;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Manifest of the SwavJob that trained the weights, or only its spec. Needed only for weights"
                    + " that do not state their architecture and the size of their crops.")
    private @Nullable Path config;

    @Option(
            names = "--max-bad-samples",
            paramLabel = "N",
            description = "Images that may be left out, because they cannot be decoded, with exit code 0"
                    + " (default: ${DEFAULT-VALUE}). More of them give exit code 65; the file is written all the same.")
    private int maxBadSamples;

    @Spec
    private CommandSpec command = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        SwavJobSpec spec = spec();
        Numerics.require(EnumSet.of(Precision.FP32));
        try (NDManager manager = TorchRuntime.root();
                DataSet set = DataSet.open(data, spec);
                OutputFile output = begin()) {
            FeatureExtractor extractor =
                    FeatureExtractor.ofAllProcessors(BackboneLoader.load(spec, weights, manager), set, spec);
            BadSampleLog bad = new BadSampleLog(set, command.commandLine().getErr());
            FeatureFormat as = format != null ? format : FeatureFormat.of(out);
            List<String> classes = set.classNames();
            requireRoom(extractor, set);
            int[] samples = write(output, as, extractor, set, classes, bad);
            if (samples.length == 0) {
                throw new EvalException(
                        ExitCodes.BAD_DATA,
                        "none of the " + bad.count() + " images in " + data + " can be decoded: " + out
                                + " is not written");
            }
            complete(output, as, set, classes, samples);
            command.commandLine()
                    .getOut()
                    .printf("wrote %d x %d features to %s%n", samples.length, extractor.width(), out.toAbsolutePath());
            return bad.exitCode(maxBadSamples, set.size(), "left out of " + out);
        }
    }

    private void requireRoom(FeatureExtractor extractor, DataSet set) {
        try {
            StoredFeatures.requireRoom(out, extractor, Evaluation.count(set));
        } catch (IOException e) {
            throw cannotWrite(e);
        }
    }

    private int[] write(
            OutputFile output,
            FeatureFormat format,
            FeatureExtractor extractor,
            DataSet set,
            List<String> classes,
            BadSampleLog bad) {
        Map<String, String> metadata = new TreeMap<>(Map.of("crop_size", Integer.toString(extractor.side())));
        try (WorkProgress progress = WorkProgress.console("computing features", set.size(), "images")) {
            if (!classes.isEmpty()) {
                metadata.put("classes", new ObjectMapper().writeValueAsString(classes));
            }
            return FeatureFile.write(output.channel(), format, extractor, set, metadata, bad::add, progress);
        } catch (IOException e) {
            throw cannotWrite(e);
        }
    }

    private void complete(OutputFile output, FeatureFormat format, DataSet set, List<String> classes, int[] samples) {
        try {
            if (format == FeatureFormat.Npy) {
                Path table = Path.of(out + ".csv");
                Path part = Path.of(table + ".part");
                FeatureTable.write(part, set, classes, samples);
                Files.deleteIfExists(out); // never an array beside the table of another one
                Files.move(part, table, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            }
            output.complete();
        } catch (IOException e) {
            throw cannotWrite(e);
        }
    }

    /** Begins before anything is computed: a place that cannot be written is reported at once. */
    private OutputFile begin() {
        try {
            return OutputFile.begin(out);
        } catch (IOException e) {
            throw cannotWrite(e);
        }
    }

    private EvalException cannotWrite(IOException e) {
        return new EvalException(ExitCodes.CANNOT_WRITE, "cannot write " + out + ": " + e.getMessage());
    }

    /** Returns the job's spec, or one made of what the weights state. */
    private SwavJobSpec spec() {
        if (config != null) {
            return SpecLoader.load(config);
        }
        Map<String, String> described = BackboneLoader.described(weights);
        ObjectNode spec = new ObjectMapper().createObjectNode();
        ObjectNode model = spec.putObject("model");
        model.put("architecture", stated(described, "architecture"));
        model.put("stem", stated(described, "stem"));
        if (described.containsKey("width")) {
            model.put("width", number("width", stated(described, "width")));
        }
        spec.putObject("data").put("uri", data);
        spec.putArray("crops")
                .addObject()
                .put("count", 2)
                .put("size", number("crop size", stated(described, "crop_size")))
                .put("minScale", 0.14) // like maxScale it is required and has no effect on a center crop
                .put("maxScale", 1.0);
        return SpecLoader.complete("weights " + weights, spec);
    }

    private String stated(Map<String, String> described, String name) {
        String value = described.get(name);
        if (value == null) {
            throw new EvalException(
                    ExitCodes.CONFIG,
                    weights + " does not state the " + name.replace('_', ' ')
                            + " of its network (another program or an earlier version wrote it): give the job that"
                            + " trained it with --config FILE");
        }
        return value;
    }

    private int number(String what, String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new EvalException(
                    ExitCodes.BAD_DATA,
                    weights + " states the " + what + " " + Shown.of(text) + ", which is no number");
        }
    }
}
