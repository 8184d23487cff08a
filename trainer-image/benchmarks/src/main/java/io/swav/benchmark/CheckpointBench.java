package io.swav.benchmark;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.S3Spec;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.World;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.StoreFactory;
import io.swav.checkpoint.UploadShare;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.model.Learner;
import io.swav.model.LearningRate;
import io.swav.model.TrainStep;
import io.swav.s3.S3Service;
import io.swav.torch.TorchRuntime;
import io.swav.trainer.CheckpointWriter;
import io.swav.trainer.StoreStatus;
import io.swav.trainer.TrainerProgress;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code bench checkpoint}: measures how long a save stops training, and how long a save takes. It runs real, small
 * steps of the network, saved by the trainer's own writer. A stall is the time spent in {@link CheckpointWriter#begin}
 * and {@link CheckpointWriter#beforeChange}, the two places where the training thread can wait for a save.
 */
@Command(
        name = "checkpoint",
        mixinStandardHelpOptions = true,
        description = "Measures how long a checkpoint stops training, and how long it takes to save.")
public final class CheckpointBench implements Callable<Integer> {
    private static final String SPEC = """
            {"data": {"uri": "file:///none"}, "model": {"architecture": "%s"},
             "crops": [{"count": 2, "size": 64, "minScale": 0.2, "maxScale": 1}],
             "training": {"globalBatch": %d, "groupSize": %d, "threads": %d}}
            """;
    private static final int BATCH = 4;
    private static final int SIDE = 64;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE.")
    private @Nullable Path json;

    @Option(names = "--saves", description = "Measured saves, after one to warm up (default: ${DEFAULT-VALUE}).")
    private int saves = 20;

    @Option(names = "--architecture", description = "resnet50, resnet18 or tiny (default: ${DEFAULT-VALUE}).")
    private String architecture = "resnet50";

    @Option(
            names = "--to",
            paramLabel = "URI",
            description =
                    "file:///folder or s3://bucket/prefix; what the bench writes is removed (default: a folder here).")
    private @Nullable String to;

    @Option(names = "--endpoint", paramLabel = "URL", description = "Endpoint of an S3 service other than AWS.")
    private @Nullable String endpoint;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        if (saves < 1 || saves >= StoreStatus.SAVES) {
            throw new ParameterException(
                    spec.commandLine(), "--saves must be between 1 and " + (StoreStatus.SAVES - 1));
        }
        Path folder = Files.createTempDirectory(Path.of("").toAbsolutePath(), ".bench-checkpoint");
        try {
            measure(Optional.ofNullable(to).orElse(folder.toString()));
        } finally {
            try (Stream<Path> all = Files.walk(folder)) {
                for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(path);
                }
            }
        }
        return 0;
    }

    private void measure(String uri) throws IOException {
        TorchRuntime.start();
        int threads = Runtime.getRuntime().availableProcessors();
        SwavJobSpec job = SpecLoader.complete(
                "bench", new ObjectMapper().readTree(SPEC.formatted(architecture, BATCH, BATCH, threads)));
        S3Spec s3 = new S3Spec(endpoint, null, null, null);
        List<Double> stalls = new ArrayList<>();
        List<Double> seconds;
        long bytes;
        try (NDManager root = TorchRuntime.root();
                TrainStep machine =
                        new Learner(job, LearningRate.of(job.training().optimizer(), 100, 10_000)::at, root);
                CheckpointCatalog store = new CheckpointCatalog(
                        StoreFactory.open(uri, S3Service.of(Optional.of(s3))),
                        new CheckpointCatalog.Owner("bench", "bench"),
                        2)) {
            bytes = new HostSnapshot(machine.model(), machine.optimizer()).bytes();
            NDArray crops = root.randomNormal(new Shape(2L * BATCH, 3, SIDE, SIDE));
            TrainerProgress progress = new TrainerProgress("bench", "bench");
            try (CheckpointWriter writer = new CheckpointWriter(store, machine, progress)) {
                writer.setLeader(true);
                for (long step = 1; writer.status().saves().size() <= saves; step++) {
                    boolean save = writer.state().free() && stalls.size() <= saves;
                    double stall = step(machine, crops, writer, step, save);
                    if (save) {
                        stalls.add(stall);
                    }
                    String problem = writer.status().why();
                    if (problem != null) {
                        throw new IOException(problem);
                    }
                }
                seconds = writer.status().saves().stream()
                        .map(StoreStatus.TimedSave::seconds)
                        .toList();
            }
        }
        print(bytes, stalls.subList(1, stalls.size()), seconds.subList(1, seconds.size()));
    }

    /** Runs one step and returns the milliseconds for which it waited for a save. */
    private static double step(TrainStep machine, NDArray crops, CheckpointWriter writer, long step, boolean save) {
        Collective alone = new SoloCollective();
        long begin = System.nanoTime();
        if (save) {
            CheckpointState state = new CheckpointState(
                    step,
                    step * BATCH,
                    0,
                    "bench",
                    1,
                    "bench",
                    1,
                    World.none("").why());
            writer.begin(state, "", UploadShare.ALONE);
        }
        long begun = System.nanoTime();
        machine.lossAndGradients(
                (manager, group) -> List.of(crops.duplicate()),
                new GroupRange[] {new GroupRange(0, 1)},
                alone,
                step,
                1);
        machine.averageGradients();
        long computed = System.nanoTime();
        writer.beforeChange();
        long waited = System.nanoTime();
        machine.apply();
        return (begun - begin + waited - computed) / 1e6;
    }

    private void print(long bytes, List<Double> stalls, List<Double> seconds) throws IOException {
        Map<String, Double> stall = Map.of("p50", percentile(stalls, .5), "max", percentile(stalls, 1));
        Map<String, Double> save = Map.of("p50", percentile(seconds, .5), "p95", percentile(seconds, .95));
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                Locale.ROOT,
                "%s with optimizer, %d MB, %d saves: a save stopped training for %.2f ms (median; longest %.2f ms)"
                        + " and took %.2f s (median; 95th percentile %.2f s)%n",
                architecture,
                bytes / 1_000_000,
                stalls.size(),
                stall.get("p50"),
                stall.get("max"),
                save.get("p50"),
                save.get("p95"));
        out.flush();
        if (json != null) {
            new ObjectMapper()
                    .writerWithDefaultPrettyPrinter()
                    .writeValue(
                            json.toFile(),
                            Map.of("bytes", bytes, "saves", stalls.size(), "stallMillis", stall, "saveSeconds", save));
        }
    }

    /** Returns the smallest value that at least this share of all values does not exceed. */
    private static double percentile(List<Double> values, double share) {
        return values.stream().sorted().toList().get(Math.max(0, (int) Math.ceil(share * values.size()) - 1));
    }
}
