package io.swav.evaluation;

import io.swav.api.ExitCodes;
import io.swav.checkpoint.BackboneWeights;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import io.swav.checkpoint.StoreOptions;
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
            "Writes the backbone of a checkpoint as safetensors with torchvision's names.",
            "In Python: model.load_state_dict(safetensors.torch.load_file(FILE), strict=False)."
        },
        mixinStandardHelpOptions = true)
public final class ExportCommand implements Callable<Integer> {
    private static final Pattern ONE = Pattern.compile("(.+)/step-(\\d{1,18})/?");

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
        try {
            Safetensors.write(out, backbone, metadata);
        } catch (IOException e) {
            System.err.println("swav: cannot write " + out + ": " + e);
            return ExitCodes.CANNOT_WRITE;
        }
        System.out.println("wrote " + backbone.size() + " tensors to " + out.toAbsolutePath());
        return ExitCodes.OK;
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
