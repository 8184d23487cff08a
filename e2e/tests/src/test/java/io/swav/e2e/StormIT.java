package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.api.TrainerEnv;
import io.swav.chaos.StormCommand;
import io.swav.data.DataSynthCommand;
import io.swav.local.LocalDeployment;
import io.swav.s3.S3Server;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import software.amazon.awssdk.services.s3.S3Client;

/**
 * Runs a short storm with real components: API server, operator, nodes, trainers. The baseline communicates over TCP, the
 * storm over the stub of NCCL if gcc can compile it.
 */
class StormIT {
    private static final Path STUB = Path.of("../../trainer-image/torch/src/test/resources/nccl/build.sh");

    @TempDir
    Path dir;

    @AfterEach
    void end() {
        LocalDeployment.down(dir.resolve("storm/cluster"));
    }

    /** Images and checkpoints are in a bucket, so no pod has a volume. */
    @Test
    void aStormChangesNeitherTheWeightsNorTheLossOfAnyStep() throws Exception {
        try (S3Server server = S3Server.start(dir)) {
            storm(server);
            try (S3Client client = S3Server.at(server.port()).client(1)) {
                assertThat(client.listObjectsV2(request -> request.bucket(S3Server.BUCKET))
                                .contents())
                        .as("what the storm left in the bucket")
                        .isEmpty();
            }
        }
    }

    private void storm(S3Server server) throws Exception {
        DataSynthCommand.synthesize(dir.resolve("data"), 1100, 4, 32, 31);
        Path json = dir.resolve("storm.json");
        List<String> arguments = new ArrayList<>(List.of(
                "--dir=" + dir.resolve("storm"),
                "--data=" + dir.resolve("data"),
                "--json=" + json,
                "--bucket=s3://" + S3Server.BUCKET + "/storms",
                "--endpoint=http://127.0.0.1:" + server.port(),
                "--ranks=3",
                "--min=2",
                "--max=3",
                "--steps=40",
                "--batch=256",
                "--group-size=32",
                "--kills=1",
                "--notices=1",
                "--resizes=1",
                "--hangs=1",
                "--hung-after=12", // the machine may be slower than a storm expects
                "--seed=3"));
        Optional<Path> stub = stub();
        stub.ifPresent(folder -> arguments.addAll(List.of(
                "--env=" + TrainerEnv.COLLECTIVE + "=Nccl",
                "--env=NCCL_DEBUG=INFO",
                "--env=LD_LIBRARY_PATH=" + folder)));

        int code = new CommandLine(new StormCommand()).execute(arguments.toArray(String[]::new));

        JsonNode report = JsonMapper.builder().build().readTree(json.toFile());
        assertThat(report.path("broken")).as("promises broken").isEmpty();
        assertThat(code).isZero();
        for (String kind : List.of("kills", "notices", "resizes", "hangs")) {
            assertThat(report.path(kind).asInt()).as(kind).isEqualTo(1);
        }
        assertThat(report.path("steps").asInt()).isEqualTo(40);
        assertThat(report.path("stepsLostWithNotice").asInt()).isZero();
        assertThat(report.path("stepsLostWithoutNotice").asInt()).isLessThanOrEqualTo(2);
        assertThat(report.path("samplesNotExactlyOnce").asInt()).isZero();
        assertThat(report.path("weightsEqual").asBoolean()).isTrue();
        assertThat(report.path("weightsRelativeL2").asDouble()).isZero();
        assertThat(report.path("lossEqual").asBoolean()).isTrue();
        assertThat(report.path("survivorsKeptProcess").asBoolean()).isTrue();
        assertThat(report.path("goodput").asDouble()).isBetween(0.01, 1.0);
        assertThat(report.path("pauseSeconds").path("kill").path("max").asDouble(-1))
                .isNotNegative();
        List<String> logs = logs();
        assertThat(logs).anyMatch(log -> log.contains("from s3://" + S3Server.BUCKET + "/storms/storm-"));
        assertThat(dir.resolve("storm/run/checkpoints")).doesNotExist();
        if (stub.isPresent()) {
            assertThat(logs).anyMatch(log -> log.contains("ranks over NCCL 2.27.3"));
            assertThat(logs).noneMatch(log -> log.contains("ranks over TCP"));
            assertThat(logs).anyMatch(log -> log.contains("NCCL INFO stub: init complete"));
            assertThat(stub.get().resolve("misuse")).doesNotExist();
        }
    }

    /** Over TCP: the proxies between trainers see nothing of NCCL's own connections. */
    @Test
    void damagedBytesAndStrangersChangeNothing() throws Exception {
        DataSynthCommand.synthesize(dir.resolve("data"), 1100, 4, 32, 31);
        Path json = dir.resolve("storm.json");

        int code = new CommandLine(new StormCommand())
                .execute(
                        "--dir=" + dir.resolve("storm"),
                        "--data=" + dir.resolve("data"),
                        "--json=" + json,
                        "--ranks=3",
                        "--steps=30",
                        "--batch=256",
                        "--group-size=32",
                        "--kills=1",
                        "--notices=0",
                        "--resizes=0",
                        "--hangs=0",
                        "--flips=2",
                        "--repeats=1",
                        "--cuts=1",
                        "--delays=1",
                        "--strangers=2",
                        "--hung-after=30", // the machine may be slower than a storm expects
                        "--seed=3");

        JsonNode report = JsonMapper.builder().build().readTree(json.toFile());
        assertThat(report.path("broken")).as("promises broken").isEmpty();
        assertThat(code).isZero();
        assertThat(report.path("kills").asInt()).isEqualTo(1);
        Map<String, Integer> others = Map.of("flips", 2, "repeats", 1, "cuts", 1, "delays", 1, "strangers", 2);
        others.forEach((kind, count) -> assertThat(
                        report.path("otherFaults").path(kind).asInt())
                .as(kind)
                .isEqualTo(count));
        assertThat(report.path("stepsLostWithNotice").asInt()).isZero();
        assertThat(report.path("weightsEqual").asBoolean()).isTrue();
        assertThat(report.path("lossEqual").asBoolean()).isTrue();
        assertThat(logs()).anyMatch(log -> log.contains("ranks over TCP"));
    }

    private Optional<Path> stub() throws Exception {
        if (Stream.of(System.getenv("PATH").split(":", -1)).noneMatch(bin -> Files.exists(Path.of(bin, "gcc")))) {
            return Optional.empty();
        }
        Path folder = dir.resolve("stub");
        Process process = new ProcessBuilder("sh", STUB.toString(), folder.toString())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return Optional.of(folder);
    }

    /** The logs of the storm's trainers. */
    private List<String> logs() throws IOException {
        try (Stream<Path> files = Files.walk(dir.resolve("storm/cluster"))) {
            return files.filter(file -> file.toString().contains("storm-") && Files.isRegularFile(file))
                    .filter(file -> file.toString().endsWith(".log"))
                    .map(StormIT::text)
                    .toList();
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
