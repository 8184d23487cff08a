package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.LiveSettings;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.data.CropBatches;
import io.swav.learning.LearningContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Trainer processes that share a world file in a folder; the test does the operator's work. */
final class Trainers implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LONG = Duration.ofMinutes(3);

    private final Path folder;
    private final Path spec;
    private final Path out;
    private final boolean follow;
    private final List<String> options;
    private final Map<String, Process> processes = new LinkedHashMap<>();
    private String faults = "";
    private final Map<String, String> variables = new HashMap<>();
    private List<String> program = List.of(ToyTrainingFactory.class.getName());
    private long generation;
    private @Nullable EpochSchedule epochs;
    private @Nullable LiveSettings settings;

    /**
     * @param follow whether the processes follow the world file; otherwise each is alone
     * @param options of the JVMs
     */
    Trainers(Path folder, Path spec, Path out, boolean follow, String... options) {
        this.follow = follow;
        this.folder = folder;
        this.spec = spec;
        this.out = out;
        this.options = List.of(options);
    }

    /** Lets the processes train SwAV itself instead of a toy model. */
    Trainers trainingSwav() {
        program = List.of(Main.class.getName(), "train");
        return this;
    }

    /** Sets the faults that processes started from now on inject into themselves. */
    void inject(String these) {
        faults = these;
    }

    Process start(String pod) {
        return start(pod, spec, Map.of());
    }

    /** Starts a trainer with this handshake key. */
    Process start(String pod, String key) {
        return start(pod, spec, Map.of(TrainerEnv.HANDSHAKE, key));
    }

    /** Starts a trainer with a configuration and environment variables of its own. */
    Process start(String pod, Path spec, Map<String, String> own, String... jvmOptions) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m"));
        command.addAll(options);
        command.addAll(List.of(jvmOptions));
        command.add("-Dtoy.hurry=" + hurryFile());
        command.addAll(ClassArchive.options());
        command.addAll(program);
        command.addAll(List.of(
                "--config",
                spec.toString(),
                "--out",
                out.toString(),
                "--report",
                reportFile(pod).toString(),
                "--journal",
                journals().toString()));
        if (follow) {
            command.addAll(List.of("--world", folder.resolve("world.json").toString()));
        }
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.redirectOutput(log(pod).toFile());
        Map<String, String> environment = new HashMap<>(Map.of(
                TrainerEnv.POD,
                pod,
                TrainerEnv.POD_UID,
                "uid-" + pod,
                TrainerEnv.JOB_UID,
                "job",
                TrainerEnv.HANDSHAKE,
                "a key for tests, 16 bytes or more",
                TrainerEnv.INJECT,
                faults,
                "OMP_NUM_THREADS",
                "1"));
        environment.putAll(variables);
        environment.putAll(own);
        environment.values().removeIf(String::isEmpty);
        builder.environment().putAll(environment);
        try {
            Process process = builder.start();
            processes.put(pod, process);
            return process;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the process of a pod that was started. */
    Process process(String pod) {
        return Objects.requireNonNull(processes.get(pod));
    }

    /** Sets a variable of the processes that are started from now on; an empty value removes it. */
    void variable(String name, String value) {
        variables.put(name, value);
    }

    /** Ends the delay of steps. */
    void hurry() throws IOException {
        Files.createFile(hurryFile());
    }

    /** Publishes the next generation; all pods must have reported an address. */
    void publish(String... pods) {
        publish(false, List.of(), pods);
    }

    /** Sets the settings of the worlds that are published from now on. */
    void change(@Nullable EpochSchedule toEpochs, @Nullable LiveSettings toSettings) {
        epochs = toEpochs;
        settings = toSettings;
    }

    /** Publishes the next generation, paused if {@code hold}, and lists the given pods as lost. */
    void publish(boolean hold, List<String> lost, String... pods) {
        generation++;
        List<World.Member> members = Arrays.stream(pods)
                .map(pod -> new World.Member(pod, "uid-" + pod, address(pod)))
                .toList();
        List<String> uids = lost.stream().map(pod -> "uid-" + pod).toList();
        try {
            write(JSON.writeValueAsString(new World(
                    generation, "job", members, "generation " + generation, hold, uids, epochs, settings, null)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Replaces the world document by any text. */
    void write(String document) throws IOException {
        Path next = folder.resolve("world.json.next");
        Files.writeString(next, document);
        Files.move(next, folder.resolve("world.json"), StandardCopyOption.ATOMIC_MOVE);
    }

    private String address(String pod) {
        return Objects.requireNonNull(
                awaitReport(pod, report -> report.address() != null).address());
    }

    TrainerReport awaitReport(String pod, Predicate<TrainerReport> what) {
        return await("report of " + pod + ", its log:\n" + tail(pod))
                .atMost(LONG)
                .pollInterval(Duration.ofMillis(20))
                .ignoreExceptions()
                .until(() -> JSON.readValue(Files.readAllBytes(reportFile(pod)), TrainerReport.class), what);
    }

    void awaitStep(String pod, long atLeast) {
        awaitReport(pod, report -> report.step() >= atLeast);
    }

    void awaitGeneration(String pod) {
        awaitReport(
                pod,
                report -> report.generation() == generation
                        && (report.state() == TrainerReport.State.Training
                                || report.state() == TrainerReport.State.Done));
    }

    int exitCode(String pod) throws InterruptedException {
        Process process = processes.get(pod);
        if (process == null || !process.waitFor(LONG.toSeconds(), TimeUnit.SECONDS)) {
            throw new AssertionError(pod + " does not end, its log:\n" + tail(pod));
        }
        return process.exitValue();
    }

    String tail(String pod) {
        try {
            return Files.exists(log(pod)) ? Files.readString(log(pod)) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the folder of the journals, one file for each pod. */
    Path journals() {
        return folder.resolve("journal");
    }

    private Path hurryFile() {
        return folder.resolve("hurry");
    }

    private Path log(String pod) {
        return folder.resolve(pod + ".log");
    }

    private Path reportFile(String pod) {
        return folder.resolve(pod + ".report.json");
    }

    @Override
    public void close() {
        processes.values().forEach(Process::destroyForcibly);
    }

    /** A job of eight groups of 8 that saves every 25 steps. */
    static String spec(int steps, int noticeSeconds) {
        return """
                {"replicas": 1, "data": {"uri": "file:///none"},
                 "training": {"globalBatch": 64, "groupSize": 8, "epochs": 100, "maxSteps": %d, "seed": 3},
                 "checkpoint": {"everySteps": 25, "keep": 2}, "recovery": {"noticeSeconds": %d}}
                """.formatted(steps, noticeSeconds);
    }

    /** Returns the settings that running trainers follow, with this number of steps between checkpoints. */
    static LiveSettings settings(long everySteps) {
        return new LiveSettings(100, everySteps, null, 2, 15);
    }

    /** Returns the schedule of so many steps. */
    static TrainingSchedule schedule(int steps) {
        return new TrainingSchedule(loaded(steps), DataLedger.of(64L * steps, ""));
    }

    static LearningContext learning(long steps) {
        return LearningContext.of(loaded(1), steps);
    }

    /** Returns the data of a toy job. */
    static CropBatches batches() {
        return new ToyTrainingFactory().batches(loaded(1), List.of());
    }

    /** Returns the spec of a toy job of so many steps. */
    static SwavJobSpec loaded(int steps) {
        try {
            return SpecLoader.complete("test", JSON.readTree(spec(steps, 15)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void signal(String name, Process process) throws Exception {
        Process kill = new ProcessBuilder("kill", name, Long.toString(process.pid())).start();
        assertThat(kill.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
}
