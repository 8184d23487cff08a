package io.swav.evaluation;

import io.swav.api.ExitCodes;
import io.swav.checkpoint.BackboneWeights;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import io.swav.checkpoint.StoreOptions;
import io.swav.checkpoint.pytorch.PyTorchWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code swav export}: writes the backbone alone, with torchvision's names. */
@Command(
        name = "export",
        description = {
            "Writes the backbone of a checkpoint with torchvision's names, which are timm's too, and prints the lines of"
                    + " Python that load it.",
            "A FILE that ends in .pth, .pth.tar or .pt is for torch.load(FILE, weights_only=True), with the weights under"
                    + " state_dict and what they are under swav; any other is safetensors, with that in the metadata. For"
                    + " ONNX there is a line of Python: PyTorch has the only kept exporter."
        },
        mixinStandardHelpOptions = true)
public final class ExportCommand implements Callable<Integer> {
    private static final Pattern ONE = Pattern.compile("(.+)/step-(\\d{1,18})/?");

    private static final Pattern PYTORCH = Pattern.compile("\\.(pth|pth\\.tar|pt)$");
    private static final int USUAL_SIDE = 224;

    @Parameters(
            paramLabel = "CHECKPOINT",
            description = "A store (checkpoint.uri of the job; its newest checkpoint is exported), one of its"
                    + " checkpoints (.../step-N), or a model.safetensors.")
    private String checkpoint = "";

    @Option(names = "--out", paramLabel = "FILE", description = "File to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("backbone.safetensors");

    @Mixin
    private StoreOptions options = new StoreOptions();

    @Override
    public Integer call() {
        Map<String, HostTensor> backbone;
        Map<String, String> metadata = new TreeMap<>(Map.of("format", "pt"));
        try {
            Path file = Path.of(checkpoint);
            if (Files.isRegularFile(file)) {
                backbone = BackboneLoader.backbone(file);
                metadata.putAll(BackboneLoader.described(file));
            } else {
                Checkpoint stored = stored();
                backbone = BackboneWeights.of(stored.model());
                metadata.putAll(BackboneWeights.metadata(stored.state()));
            }
        } catch (EvalException e) {
            System.err.println("swav: " + e.getMessage());
            return e.exitCode();
        } catch (CheckpointException | IOException | IllegalArgumentException e) {
            System.err.println("swav: cannot read weights " + checkpoint + ": " + e.getMessage());
            return ExitCodes.NO_INPUT;
        }
        BackboneShape shape = BackboneShape.of(backbone);
        describe(metadata, shape);
        boolean isPyTorch = PYTORCH.matcher(out.getFileName().toString()).find();
        try {
            if (isPyTorch) {
                PyTorchWriter.write(out, backbone, metadata);
            } else {
                Safetensors.write(out, backbone, metadata);
            }
        } catch (IOException e) {
            System.err.println("swav: cannot write " + out + ": " + e);
            return ExitCodes.CANNOT_WRITE;
        }
        System.out.println("wrote " + backbone.size() + " tensors to " + out.toAbsolutePath());
        printLines(shape, metadata, isPyTorch);
        return ExitCodes.OK;
    }

    /** Adds what the tensors and this program say about weights whose checkpoint does not state it. */
    private static void describe(Map<String, String> metadata, BackboneShape shape) {
        metadata.putIfAbsent("stem", shape.stem());
        shape.architecture().ifPresent(name -> metadata.putIfAbsent("architecture", name));
    }

    private void printLines(BackboneShape shape, Map<String, String> metadata, boolean isPyTorch) {
        String file = out.toAbsolutePath().toString();
        System.out.println("In Python, with torchvision:");
        PythonLines.torchvision(shape, file, isPyTorch).forEach(line -> System.out.println("  " + line));
        PythonLines.timm(shape, file).ifPresent(line -> System.out.println("With timm:\n  " + line));
        System.out.println("For ONNX, after that:\n  " + PythonLines.onnx(side(metadata)));
        if (metadata.containsKey("mean")) {
            System.out.println("Images are RGB in 0..1, normalized with mean " + metadata.get("mean") + " and std "
                    + metadata.get("std"));
        }
    }

    /** Returns the side of the images that the network was trained on, or the usual one. */
    private static int side(Map<String, String> metadata) {
        try {
            return Integer.parseInt(metadata.getOrDefault("crop_size", ""));
        } catch (NumberFormatException e) {
            return USUAL_SIDE;
        }
    }

    /** Loads the checkpoint, verified byte by byte against its manifest. */
    private Checkpoint stored() throws IOException, CheckpointException {
        Matcher one = ONE.matcher(checkpoint);
        String uri = one.matches() ? one.group(1) : checkpoint;
        try (CheckpointCatalog store =
                new CheckpointCatalog(options.open(uri), new CheckpointCatalog.Owner("", ""), 1)) {
            return one.matches()
                    ? store.load(Long.parseLong(one.group(2)))
                    : store.newest(false).orElseThrow(() -> new IOException("the store holds no checkpoint"));
        }
    }
}
