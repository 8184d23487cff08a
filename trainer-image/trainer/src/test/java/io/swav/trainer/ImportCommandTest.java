package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SpecLoader;
import io.swav.api.TrainerExitException;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.FolderStore;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.Safetensors;
import io.swav.checkpoint.StoreLease;
import io.swav.checkpoint.Training;
import io.swav.evaluation.BackboneLoader;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Tests that weights are not imported into a store in which a training saves. */
class ImportCommandTest {
    private static final String SPEC = """
            {"model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
             "data": {"uri": "file:///none"}, "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}]}
            """;

    @TempDir
    private Path folder;

    private final StringWriter said = new StringWriter();
    private Path job = Path.of("");
    private Path weights = Path.of("");

    @BeforeEach
    void weightsOfAnUntrainedNetwork() throws IOException {
        TorchRuntime.start();
        job = Files.writeString(folder.resolve("job.json"), SPEC);
        weights = folder.resolve("model.safetensors");
        try (NDManager manager = NDManager.newBaseManager()) {
            Safetensors.write(
                    weights,
                    HostSnapshot.of(BackboneLoader.untrained(
                                    SpecLoader.complete("test", new ObjectMapper().readTree(SPEC)), manager)
                            .state()),
                    Map.of());
        }
    }

    @Test
    void aStoreInWhichAProcessOfThisMachineTrainsIsRefused() throws Exception {
        lease(Training.ofThisProcess("swav train")).claim();
        assertThat(importWeights()).isEqualTo(ExitCodes.CONFIG);
        assertThat(said.toString()).contains("belongs to swav train (process ");
        assertThat(saved()).isFalse();
    }

    @Test
    void theImportWaitsWhileAnotherTrainingMayStillSave() throws Exception {
        StoreLease other = lease(new Training("job 1", "SwavJob team/demo", Optional.empty()));
        other.claim();
        CompletableFuture<Integer> code = CompletableFuture.supplyAsync(this::importWeights);
        await().atMost(Duration.ofMinutes(1))
                .untilAsserted(() -> assertThat(said.toString()).contains("swav: waiting, because"));
        assertThat(said.toString()).contains("belongs to SwavJob team/demo (job 1)");
        assertThat(saved()).isFalse();
        other.release();
        assertThat(code).succeedsWithin(Duration.ofMinutes(1)).isEqualTo(ExitCodes.OK);
        assertThat(saved()).isTrue();
        assertThat(lease(new Training("job 2", "SwavJob team/next", Optional.empty()))
                        .claim())
                .as("the import has released the store")
                .isEqualTo(new StoreLease.Claim.Held());
    }

    private StoreLease lease(Training training) {
        return new StoreLease(FolderStore.open(folder.resolve("out")), training, StoreLease.Timing.STANDARD);
    }

    private boolean saved() {
        return new CheckpointCatalog(FolderStore.open(folder.resolve("out")), new CheckpointCatalog.Owner("", ""), 1)
                .holds(0);
    }

    private int importWeights() {
        PrintWriter out = new PrintWriter(said, true);
        return new CommandLine(new ImportCommand())
                .setOut(out)
                .setErr(out)
                .setExecutionExceptionHandler((failure, command, parsed) -> {
                    out.println(failure.getMessage());
                    return ((TrainerExitException) failure).exitCode();
                })
                .execute(
                        weights.toString(),
                        "--config",
                        job.toString(),
                        "--out",
                        folder.resolve("out").toString());
    }
}
