package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.data.CropBatches;
import io.swav.data.DataException;
import io.swav.data.IndexHome;
import io.swav.model.TrainStep;
import io.swav.numerics.UnsoundMachineException;
import io.swav.numerics.Verdict;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Tests the command in this process: what it leaves behind, and what it reports if it cannot train. */
class TrainCommandTest {
    private static final String SPEC = """
            {"replicas": 1, "data": {"uri": "file:///none"}, "checkpoint": {"everySteps": 2},
             "training": {"globalBatch": 8, "groupSize": 8, "maxSteps": 4, "seed": %d}}
            """;

    @TempDir
    Path folder;

    private final Map<String, String> variables = new HashMap<>();
    private TrainingFactory factory = new ToyTrainingFactory();
    private String said = "";
    private Path spec = Path.of("");
    private Path out = Path.of("");

    @BeforeEach
    void files() throws IOException {
        spec = Files.writeString(folder.resolve("job.json"), SPEC.formatted(1));
        out = folder.resolve("out");
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, false, true",
        "127.0.0.1, true, true",
        "::1, false, true",
        "10.1.2.3, false, false",
        "fd00::1, false, false",
        "10.1.2.3, true, true"
    })
    void onlyThisMachineCanConnectIfPeersCallALoopbackAddress(String podIp, boolean alone, boolean loopback) {
        TrainerEnvironment env = TrainerEnvironment.of(Map.of(TrainerEnv.POD_IP, podIp, TrainerEnv.PORT, "7000"));
        InetSocketAddress at = PeerPort.listenAddress(alone, env);
        assertThat(at.getAddress().isLoopbackAddress()).isEqualTo(loopback);
        assertThat(at.getAddress().isAnyLocalAddress()).isEqualTo(!loopback);
        assertThat(at.getPort()).isEqualTo(7000);
    }

    @Test
    void trainsToTheEndAndReportsIt() throws Exception {
        variables.put(TrainerEnv.RUN_DIR, folder.resolve("run").toString());
        assertThat(train("--config", spec, "--out", out, "--report", folder.resolve("report.json")))
                .isEqualTo(ExitCodes.OK);
        assertThat(out.resolve("step-4/MANIFEST.json")).exists();
        assertThat(out.resolve("export/backbone.safetensors")).exists();
        assertThat(folder.resolve("run/ready")).exists();
        TrainerReport report =
                new ObjectMapper().readValue(Files.readAllBytes(folder.resolve("report.json")), TrainerReport.class);
        assertThat(report.state()).isEqualTo(TrainerReport.State.Done);
        assertThat(report.step()).isEqualTo(4);
        assertThat(report.loss()).isNotNull();

        byte[] saved = Files.readAllBytes(out.resolve("step-4/model.safetensors"));
        assertThat(train("--config", spec, "--out", out)).isEqualTo(ExitCodes.OK);
        assertThat(Files.readAllBytes(out.resolve("step-4/model.safetensors"))).isEqualTo(saved);
    }

    @Test
    void neverBeginsAtZeroBesideCheckpointsThatItCannotRead() throws Exception {
        hostile(out);
        assertThat(train("--config", spec, "--out", out)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said)
                .contains("step-6 step-6 is a link or leads out of the store, and is not followed")
                .contains("step-5 MANIFEST.json is not of this trainer: it names \"model.safetensors\"");
    }

    @Test
    void trainsOnBesideWhatOthersPutIntoItsStore() throws Exception {
        assertThat(train("--config", spec, "--out", out)).isEqualTo(ExitCodes.OK);
        hostile(out);
        Files.writeString(spec, SPEC.formatted(1).replace("\"maxSteps\": 4", "\"maxSteps\": 8"));
        assertThat(train("--config", spec, "--out", out)).isEqualTo(ExitCodes.OK);
        assertThat(out.resolve("step-8/MANIFEST.json")).exists();
    }

    /** Writes numbers that no long holds, links, a pipe, and values that are missing. */
    private static void hostile(Path store) throws Exception {
        for (String name : new String[] {"step-99999999999999999999", "step-9223372036854775807", "step-5"}) {
            Files.writeString(Files.createDirectories(store.resolve(name)).resolve("MANIFEST.json"), """
                    {
                      "format" : 1,
                      "files" : {
                        "model.safetensors" : null,
                        "optimizer.safetensors" : null,
                        "state.json" : null
                      }
                    }""");
        }
        Files.createDirectory(store.resolve(".writing-99999999999999999999-step-7"));
        Files.createSymbolicLink(store.resolve("step-6"), store.resolve("step-5"));
        Files.createSymbolicLink(store.resolve("step-7"), store.resolve("step-7"));
        Path piped = Files.createDirectory(store.resolve("step-1")); // a save that is due at 2 may be taken at 3
        Process mkfifo =
                new ProcessBuilder("mkfifo", piped.resolve("MANIFEST.json").toString()).start();
        assertThat(mkfifo.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(mkfifo.exitValue()).isZero();
    }

    @Test
    void namesAMissingConfiguration() {
        assertThat(train("--config", folder.resolve("none.json"))).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("there is no configuration file").contains("none.json");
    }

    @Test
    void namesAWrongField() throws Exception {
        Files.writeString(spec, SPEC.formatted(1).replace("\"globalBatch\": 8", "\"globalBatch\": 9"));
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("job.json").contains("spec.training.groupSize");
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3://", "file:///%zz", "file:///a%00b"})
    void namesAPlaceThatIsNone(String uri) throws Exception {
        Files.writeString(
                spec, SPEC.formatted(1).replace("\"everySteps\"", "\"uri\": \"" + uri + "\", \"everySteps\""));
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("spec.checkpoint.uri: \"");
    }

    @Test
    void asksForAConfigurationOutsideAPod() {
        variables.put(TrainerEnv.JOB, "demo");
        assertThat(train()).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("SWAV_POD_UID").doesNotContain("SWAV_JOB,").contains("--config FILE");
    }

    @Test
    void namesAPortInUse() throws Exception {
        try (ServerSocket taken = new ServerSocket(0)) {
            variables.put(TrainerEnv.PORT, Integer.toString(taken.getLocalPort()));
            assertThat(train("--config", spec)).isEqualTo(ExitCodes.PORT_IN_USE);
            assertThat(said).contains("port " + taken.getLocalPort()).contains("in use");
        }
    }

    @Test
    void stepTakesAtLeastTheConfiguredTime() {
        variables.put(TrainerEnv.STEP_SECONDS, "0.1");
        long start = System.nanoTime();
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.OK);
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(4 * 100_000_000L);
    }

    @ParameterizedTest
    @ValueSource(strings = {"fast", "-1", "NaN", "3601"})
    void namesABadStepDuration(String pace) {
        variables.put(TrainerEnv.STEP_SECONDS, pace);
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("SWAV_STEP_SECONDS is \"" + pace + "\"");
    }

    @Test
    void namesABadValueOfEncryption() {
        variables.put(TrainerEnv.ENCRYPTION, "maybe");
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("SWAV_ENCRYPTION is \"maybe\", not one of [On, Off]");
    }

    @Test
    void namesABadPort() {
        variables.put(TrainerEnv.PORT, "http");
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("SWAV_PORT is \"http\"");
    }

    @Test
    void reportsAFolderThatCannotBeWritten() throws Exception {
        Path report = folder.resolve("report.json");
        assertThat(train("--config", spec, "--out", spec.resolve("below"), "--report", report))
                .isEqualTo(ExitCodes.CANNOT_WRITE);
        assertThat(said).contains("cannot write checkpoints to " + spec);
        TrainerReport reported = new ObjectMapper().readValue(Files.readAllBytes(report), TrainerReport.class);
        assertThat(reported.state()).isEqualTo(TrainerReport.State.Failed);
        assertThat(reported.message()).contains("cannot write checkpoints");
    }

    @Test
    void refusesAnotherConfigurationsCheckpoint() throws Exception {
        assertThat(train("--config", spec, "--out", out)).isZero();
        Files.writeString(spec, SPEC.formatted(2));
        assertThat(train("--config", spec, "--out", out)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said)
                .contains("another configuration")
                .contains(
                        "model, data.uri, data.augmentOn, data.maxPixels, data.exifOrientation, crops, assignment, and training"
                                + " without maxSteps, ");
        assertThat(out.resolve("step-4/MANIFEST.json")).exists();
    }

    @Test
    void warnsIfWeightsAreNotSaved() throws Exception {
        assertThat(process("--config", spec)).containsOnlyOnce("the weights are kept nowhere");
        assertThat(process("--config", spec, "--out", out)).doesNotContain("kept nowhere");
    }

    /**
     * Returns the output of a process that trains to the end; in this process the log cannot be captured from {@link
     * System#err}.
     */
    private String process(Object... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                ToyTrainingFactory.class.getName()));
        Arrays.stream(arguments).map(Object::toString).forEach(command::add);
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
            assertThat(process.exitValue()).as(Files.readString(log)).isEqualTo(ExitCodes.OK);
            return Files.readString(log);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    void requiresAKeyForPeers() {
        assertThat(train("--config", spec, "--world", folder.resolve("world.json")))
                .isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains(TrainerEnv.HANDSHAKE);
        variables.put(TrainerEnv.HANDSHAKE, "short");
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("16 are needed");
    }

    @Test
    void dataErrorsKeepTheirExitCode() {
        factory = failing(DataException.noInput("spec.data.uri: there is no folder /none"));
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.NO_INPUT);
        assertThat(said).contains("no folder /none");
    }

    @Test
    void unsupportedModelIsAConfigurationError() {
        factory = failing(new IllegalArgumentException("model.architecture is 'vgg'"));
        assertThat(train("--config", spec)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said).contains("model.architecture is 'vgg'");
    }

    @Test
    void refusesToTrainOnAMachineThatComputesWrong() throws Exception {
        Path report = folder.resolve("report.json");
        factory = failing(new UnsoundMachineException(
                new Verdict.Unsound("AMD EPYC", "convolution 3x3 of 64 to 64 channels, output: error 2.3e-02")));
        assertThat(train("--config", spec, "--report", report)).isEqualTo(ExitCodes.CONFIG);
        assertThat(said)
                .contains("this machine computes wrong: convolution 3x3 of 64 to 64 channels, output: error 2.3e-02")
                .contains("AMD EPYC");
        assertThat(Files.readString(report)).contains("Unfit", "this machine computes wrong");
    }

    /** Creates a factory whose kernels, data or model fail, depending on the type of the exception. */
    private static TrainingFactory failing(RuntimeException failure) {
        ToyTrainingFactory toy = new ToyTrainingFactory();
        return new TrainingFactory() {
            @Override
            public String checkKernels(SwavJobSpec of) {
                if (failure instanceof UnsoundMachineException) {
                    throw failure;
                }
                return "";
            }

            @Override
            public CropBatches batches(SwavJobSpec of, List<IndexHome> homes) {
                if (failure instanceof DataException) {
                    throw failure;
                }
                return toy.batches(of, homes);
            }

            @Override
            public TrainStep machine(SwavJobSpec of, NDManager root, TrainingSchedule schedule) {
                if (failure instanceof UnsoundMachineException) {
                    return toy.machine(of, root, schedule);
                }
                throw failure;
            }
        };
    }

    private int train(Object... arguments) {
        PrintStream before = System.err;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            String[] texts = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
            return new CommandLine(new TrainCommand(factory, variables)).execute(texts);
        } finally {
            System.setErr(before);
            said = bytes.toString(StandardCharsets.UTF_8);
        }
    }
}
