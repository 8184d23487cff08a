package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import io.swav.data.DataSynthCommand;
import io.swav.model.Model;
import io.swav.torch.TorchRuntime;
import io.swav.trainer.ImportCommand;
import io.swav.trainer.Main;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests that no command takes weights with NaN, which every later figure would be made of. */
class NotFiniteWeightsTest {
    private static final String SPEC = """
            {"model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
             "data": {"uri": "file:///none"}, "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}]}
            """;

    @TempDir
    private Path folder;

    private Path job = Path.of("");
    private Path weights = Path.of("");
    private String bad = "";

    @BeforeEach
    void weightsWithOneNaN() throws IOException {
        TorchRuntime.start();
        job = Files.writeString(folder.resolve("job.json"), SPEC);
        weights = folder.resolve("model.safetensors");
        try (NDManager manager = NDManager.newBaseManager()) {
            Model model =
                    BackboneLoader.untrained(SpecLoader.complete("test", new ObjectMapper().readTree(SPEC)), manager);
            Map<String, HostTensor> tensors = HostSnapshot.of(model.state());
            Safetensors.write(weights, tensors, Map.of());
            bad = tensors.keySet().stream()
                    .filter(name -> Objects.requireNonNull(tensors.get(name)).type() == DataType.FLOAT32)
                    .max(String::compareTo)
                    .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(weights);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(bytes.length - 4, Float.NaN);
        Files.write(weights, bytes);
    }

    @Test
    void importRefusesThem() {
        assertRefused(
                new ImportCommand(), ExitCodes.BAD_DATA, weights, "--config", job, "--out", folder.resolve("out"));
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    void exportRefusesThem() {
        assertRefused(
                new ExportCommand(), ExitCodes.BAD_DATA, weights, "--out", folder.resolve("backbone.safetensors"));
        assertThat(folder.resolve("backbone.safetensors")).doesNotExist();
    }

    @Test
    void evaluationRefusesThem() throws IOException {
        DataSynthCommand.synthesize(folder.resolve("data"), 20, 2, 16, 1);
        for (String measure : new String[] {"knn", "linear"}) {
            assertRefused(
                    new EvalCommand(),
                    ExitCodes.BAD_DATA,
                    measure,
                    "--config",
                    job,
                    "--weights",
                    weights,
                    "--train",
                    folder.resolve("data/train"),
                    "--test",
                    folder.resolve("data/test"));
        }
    }

    @Test
    void evaluationNamesTheOptionOfAPlaceThatIsNone() {
        String said = refusal(
                new EvalCommand(),
                ExitCodes.CONFIG,
                "knn",
                "--config",
                job,
                "--untrained",
                "--train",
                "file:///%zz",
                "--test",
                folder);
        assertThat(said).contains("--train: file:///%zz is not a valid path");
    }

    private void assertRefused(Object command, int exitCode, Object... arguments) {
        assertThat(refusal(command, exitCode, arguments))
                .contains(weights.toString())
                .contains(bad + " holds NaN or infinity");
    }

    private static String refusal(Object command, int exitCode, Object... arguments) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream before = System.err;
        System.setErr(new PrintStream(said, true, StandardCharsets.UTF_8));
        try {
            String[] words = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
            int code = new CommandLine(command)
                    .setErr(new PrintWriter(said, true, StandardCharsets.UTF_8))
                    .setExecutionExceptionHandler(Main::explain)
                    .execute(words);
            assertThat(code).as(said.toString(StandardCharsets.UTF_8)).isEqualTo(exitCode);
        } finally {
            System.setErr(before);
        }
        return said.toString(StandardCharsets.UTF_8);
    }
}
