package io.swav.eval;

import io.swav.api.Contract;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code swav export}: the backbone alone, by torchvision's names. */
@Command(
        name = "export",
        description = "Writes the backbone of a checkpoint as safetensors with torchvision's names.",
        mixinStandardHelpOptions = true)
public final class ExportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "CHECKPOINT", description = "A checkpoint's folder (step-N) or a model.safetensors.")
    private Path checkpoint = Path.of("");

    @Option(names = "--out", paramLabel = "FILE", description = "File to write (default: ${DEFAULT-VALUE}).")
    private Path out = Path.of("backbone.safetensors");

    @Override
    public Integer call() {
        Map<String, HostTensor> backbone;
        try {
            backbone = Weights.backbone(checkpoint);
        } catch (EvalException e) {
            System.err.println("swav: " + e.getMessage());
            return e.exitCode();
        }
        try {
            Safetensors.write(out, backbone, Map.of("format", "pt"));
        } catch (IOException e) {
            System.err.println("swav: cannot write " + out + ": " + e);
            return Contract.EXIT_CANNOT_WRITE;
        }
        System.out.println(backbone.size() + " tensors in " + out.toAbsolutePath());
        return Contract.EXIT_OK;
    }
}
