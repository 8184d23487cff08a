package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import io.swav.api.TrainerReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trains with real processes of which one has a value that is not finite, once or always. */
class NotFiniteProcessesTest {
    private static final int STEPS = 60;
    private static final List<String> PODS = List.of("a", "b", "c");

    @TempDir
    static Path shared;

    @TempDir
    Path folder;

    private static Path spec = Path.of("");
    private static byte[] quiet = {};

    @BeforeAll
    static void quietRun() throws Exception {
        spec = Files.writeString(shared.resolve("job.json"), Trainers.spec(STEPS, 15));
        Path out = shared.resolve("out");
        try (Trainers trainers = new Trainers(shared, spec, out, false)) {
            trainers.start("alone");
            assertThat(trainers.exitCode("alone")).as(trainers.tail("alone")).isZero();
        }
        quiet = model(out);
    }

    @Test
    void oneNotANumberAtOneRankChangesNoWeight() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = run(out, "nan@30:1", 0)) {
            for (String pod : PODS) {
                assertThat(Journals.events(trainers.journals(), pod)).containsExactly("formed", "dropped", "done");
                TrainerReport.NotFinite reported = reported(trainers, pod, report -> true);
                assertThat(reported.number()).isEqualTo(1);
                assertThat(reported.step()).isEqualTo(30);
                assertThat(reported.resumedFrom()).isNull();
                assertThat(reported.what())
                        .isEqualTo("step 30 is NaN or infinite (the loss); computed again with the same samples it is"
                                + " finite");
            }
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
        }
        assertThat(model(out)).isEqualTo(quiet);
        assertThat(out.resolve("not-finite")).doesNotExist();
    }

    @Test
    void stepThatStaysNotFiniteIsResumedOnceAndEndsTheJob() throws Exception {
        assertThat(endsAfterOneResume(57)).isPositive();
    }

    @Test
    void lastStepThatStaysNotFiniteIsResumedOnceAndEndsTheJob() throws Exception {
        assertThat(endsAfterOneResume(STEPS - 1)).isPositive();
    }

    /** The first checkpoint is due at step 25. */
    @Test
    void stepBeforeTheFirstCheckpointIsTriedAgainFromTheSeed() throws Exception {
        assertThat(endsAfterOneResume(5)).isZero();
    }

    /** Returns the step from which training was resumed. */
    private long endsAfterOneResume(long step) throws Exception {
        Path out = folder.resolve("out");
        long from;
        try (Trainers trainers = run(out, "nan@" + step + ":1:always", ExitCodes.NOT_FINITE)) {
            from = resumedFrom(trainers, out);
            for (String pod : PODS) {
                assertThat(Journals.events(trainers.journals(), pod))
                        .filteredOn(event -> !event.equals("resumed"))
                        .containsExactly("formed", "dropped", "dropped", "formed", "dropped", "dropped");
                TrainerReport.NotFinite reported = reported(trainers, pod, report -> report.resumedFrom() != null);
                assertThat(reported.step()).isEqualTo(step);
                assertThat(reported.resumedFrom()).isEqualTo(from);
                assertThat(reported.pod()).isEqualTo("b");
                TrainerReport last = trainers.awaitReport(pod, report -> report.state() == TrainerReport.State.Failed);
                assertThat(last.message())
                        .startsWith("step " + step + " is NaN or infinite (the loss), also when it was computed again:"
                                + " rank 1 (b), group 2, the crops of resolution 0, samples toy-"
                                + (step % 10 * 100 + 2)
                                + ".png. It came again after training was resumed from a checkpoint")
                        .contains("not-finite/step-" + step + ".json", "learningRate", "epsilon", "samples");
            }
            assertThat(Journals.events(trainers.journals(), "a").stream().filter("resumed"::equals))
                    .hasSize(from > 0 ? 1 : 0);
        }
        JsonNode capture = new ObjectMapper()
                .readTree(out.resolve("not-finite/step-" + step + ".json").toFile());
        assertThat(capture.get("step").asLong()).isEqualTo(step);
        assertThat(capture.get("decision").asText()).isEqualTo("FAIL");
        JsonNode rank = capture.get("ranks").get(0);
        assertThat(rank.get("rank").asInt()).isEqualTo(1);
        assertThat(rank.get("pod").asText()).isEqualTo("b");
        JsonNode found = rank.get("found").get(0);
        assertThat(found.get("group").asInt()).isEqualTo(2);
        assertThat(found.get("loss").asText()).isEqualTo("NaN");
        assertThat(found.get("samples").get(0).asText()).isEqualTo("toy-" + (step % 10 * 100 + 2) + ".png");
        return from;
    }

    /**
     * Returns the step that the first pod reports: of a checkpoint if there is one. On a loaded machine the newest may have been
     * saved after training was resumed.
     */
    private static long resumedFrom(Trainers trainers, Path out) throws IOException {
        long from = Objects.requireNonNull(
                reported(trainers, "a", report -> report.resumedFrom() != null).resumedFrom());
        assertThat(from).isBetween(Math.min(25, newestCheckpoint(out)), newestCheckpoint(out));
        return from;
    }

    /** A save that falls due while another one is being written is made some steps later. */
    private static long newestCheckpoint(Path out) throws IOException {
        try (Stream<Path> files = Files.list(out)) {
            return files.filter(file -> Files.exists(file.resolve("MANIFEST.json")))
                    .mapToLong(
                            file -> Long.parseLong(file.getFileName().toString().replace("step-", "")))
                    .max()
                    .orElse(0);
        }
    }

    /** One pod's memory is damaged: the others hold the same state, whole. */
    @Test
    void ranksWhoseStateIsNotFiniteTakeThatOfTheOthers() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = run(out, "", 0, "-Dtoy.spoilAt=30", "-Dtoy.spoilIn=b")) {
            for (String pod : PODS) {
                assertThat(Journals.events(trainers.journals(), pod))
                        .containsExactly("formed", "dropped", "dropped", "formed", "done");
            }
            assertThat(reported(trainers, "a", report -> true))
                    .returns(null, TrainerReport.NotFinite::resumedFrom)
                    .returns("b", TrainerReport.NotFinite::pod)
                    .satisfies(report -> assertThat(report.what())
                            .contains("rank 1 (b), ", ".weight in its memory", "no step is lost"));
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
        }
        assertThat(model(out)).isEqualTo(quiet);
    }

    /** No other step would show it, and it can never be saved: the world must not form again and again. */
    @Test
    void lastStateThatIsNotFiniteOnAllRanksIsResumedOnceAndEndsTheJob() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = run(out, "", ExitCodes.NOT_FINITE, "-Dtoy.spoilAt=" + STEPS, "-Dtoy.spoilIn=abc")) {
            for (String pod : PODS) {
                assertThat(reported(trainers, pod, report -> report.resumedFrom() != null)
                                .resumedFrom())
                        .isEqualTo(resumedFrom(trainers, out));
                assertThat(trainers.awaitReport(pod, report -> report.state() == TrainerReport.State.Failed)
                                .message())
                        .startsWith("the state after the last step, 60, is NaN or infinite: rank 0 (a), ");
            }
        }
        assertThat(newestCheckpoint(out)).isPositive();
        assertThat(out.resolve("step-60")).doesNotExist();
        assertThat(out.resolve("not-finite/step-60.json")).exists();
    }

    /** The comparison of the states before they are saved finds it first. */
    @Test
    void lastStateThatIsNotFiniteOnOneRankIsReplaced() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = run(out, "", 0, "-Dtoy.spoilAt=" + STEPS, "-Dtoy.spoilIn=a")) {
            TrainerReport found = trainers.awaitReport("b", report -> report.diverged() != null);
            assertThat(Objects.requireNonNull(found.diverged()).pods()).containsExactly("a");
        }
        assertThat(model(out)).isEqualTo(quiet);
    }

    /** Runs three processes to their end. */
    private Trainers run(Path out, String faults, int exitCode, String... options) throws Exception {
        Trainers trainers = new Trainers(folder, spec, out, true, options);
        try {
            trainers.inject(faults);
            PODS.forEach(trainers::start);
            trainers.publish(PODS.toArray(String[]::new));
            for (String pod : PODS) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isEqualTo(exitCode);
            }
            return trainers;
        } catch (Throwable e) {
            trainers.close();
            throw e;
        }
    }

    private static TrainerReport.NotFinite reported(
            Trainers trainers, String pod, Predicate<TrainerReport.NotFinite> what) {
        return Objects.requireNonNull(
                trainers.awaitReport(pod, report -> report.notFinite() != null && what.test(report.notFinite()))
                        .notFinite());
    }

    private static byte[] model(Path out) throws IOException {
        return Files.readAllBytes(out.resolve("step-" + STEPS).resolve("model.safetensors"));
    }
}
