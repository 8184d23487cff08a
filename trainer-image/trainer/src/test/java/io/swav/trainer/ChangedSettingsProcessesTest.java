package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.api.EpochSchedule;
import io.swav.api.EpochSchedule.Change;
import io.swav.api.LiveSettings;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.data.DataSynthCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Raises the epochs while real processes train. The weights must be those of a run in which nothing was killed and the
 * change came at the same step.
 */
class ChangedSettingsProcessesTest {
    /** Ten epochs of ten steps, with a warm-up of one epoch: most steps are on the cosine, whose end moves. */
    private static final String SPEC = """
            {"replicas": 1, "data": {"uri": "file:///none"},
             "training": {"globalBatch": 64, "groupSize": 8, "epochs": 10, "seed": 3, "optimizer": {"warmupEpochs": 1}},
             "checkpoint": {"everySteps": 30, "keep": 2}}
            """;

    private static final EpochSchedule FORTY = EpochSchedule.of(10).raisedTo(40);
    private static final int STEPS = 400;
    private static final String PACE = "-Dtoy.stepMillis=200";

    @TempDir
    Path folder;

    private Path spec = Path.of("");

    @BeforeEach
    void writeSpec() throws IOException {
        spec = Files.writeString(folder.resolve("job.json"), SPEC);
    }

    @Test
    void epochsAreRaisedAtOneStepAndSurviveKillsOfOneAndOfAll() throws Exception {
        Path out = folder.resolve("out");
        long raisedAt;
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitStep("a", 10);
            trainers.change(FORTY, new LiveSettings(100, 7, null, 1, 15));
            trainers.publish("a", "b");
            raisedAt = raisedAt(trainers, "a", 40);
            assertThat(raisedAt(trainers, "b", 40)).isEqualTo(raisedAt);
            assertThat(trainers.awaitReport("a", report -> true).steps()).isEqualTo(STEPS);

            b.destroyForcibly();
            trainers.publish("a");
            Process c = trainers.start("c");
            trainers.awaitReport("c", report -> report.state() == TrainerReport.State.Ready);
            trainers.publish("a", "c");
            trainers.awaitGeneration("c");
            assertThat(raisedAt(trainers, "c", 40)).as("it received the state").isEqualTo(raisedAt);
            await().until(() -> checkpoints(out).stream().anyMatch(step -> step > raisedAt));
            assertThat(checkpoints(out)).as("everySteps 7 instead of 30").allMatch(step -> step % 7 == 0);

            a.destroyForcibly();
            c.destroyForcibly();
            trainers.hurry();
            trainers.start("d");
            trainers.publish("d");
            assertThat(trainers.exitCode("d")).as(trainers.tail("d")).isZero();
            assertThat(trainers.tail("d"))
                    .as("the change is in the checkpoint, and the document does not know its step")
                    .contains("resumed from the checkpoint of step")
                    .contains("training.epochs 40 from step " + raisedAt + " on: " + STEPS + " steps in all");
            assertThat(checkpoints(out)).as("keep 1 instead of 2").containsExactly((long) STEPS);
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
        }
        assertThat(model(out)).isEqualTo(weightsIfRaisedAt(raisedAt));
        assertThat(model(out)).as("the step of the change matters").isNotEqualTo(weightsIfRaisedAt(raisedAt + 1));
    }

    @Test
    void aCheckpointFromBeforeTheChangeComesToItAtTheSameStep() throws Exception {
        Path out = folder.resolve("out");
        long raisedAt;
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            trainers.publish("a", "b");
            await().until(() -> checkpoints(out).contains(30L));
            trainers.change(FORTY, null);
            trainers.publish("a", "b");
            raisedAt = raisedAt(trainers, "a", 40);
            assertThat(raisedAt).isBetween(31L, 59L);
            a.destroyForcibly();
            b.destroyForcibly();
            assertThat(checkpoints(out)).containsExactly(30L);

            trainers.hurry();
            trainers.start("c");
            trainers.start("d");
            // the operator has the step from the reports
            trainers.change(FORTY.agreed(new Change(raisedAt, 40)), null);
            trainers.publish("c", "d");
            for (String pod : List.of("c", "d")) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isZero();
            }
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
        }
        assertThat(model(out)).isEqualTo(weightsIfRaisedAt(raisedAt));
    }

    /** The same with SwAV itself, whose learning rate follows the longer cosine. */
    @Test
    void swavEndsWithTheWeightsOfARunInWhichNothingWasKilled() throws Exception {
        DataSynthCommand.synthesize(folder.resolve("data"), 48, 2, 24, 1);
        Files.writeString(spec, """
                {"replicas": 1,
                 "model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
                 "data": {"uri": "%s"},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                 "training": {"globalBatch": 24, "groupSize": 8, "epochs": 20, "optimizer": {"warmupEpochs": 1}}}
                """.formatted(folder.resolve("data/train").toUri()));
        EpochSchedule thirty = EpochSchedule.of(20).raisedTo(30);
        long raisedAt;
        try (Trainers trainers = new Trainers(folder, spec, folder.resolve("out"), true).trainingSwav()) {
            trainers.variable(TrainerEnv.STEP_SECONDS, "0.2");
            trainers.start("a");
            Process b = trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitStep("a", 3);
            trainers.change(thirty, null);
            trainers.publish("a", "b");
            raisedAt = raisedAt(trainers, "a", 30);
            b.destroyForcibly();
            trainers.publish("a");
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
        }
        Path own = Files.createDirectories(folder.resolve("undisturbed"));
        try (Trainers trainers = new Trainers(own, spec, own.resolve("out"), true).trainingSwav()) {
            trainers.change(thirty.agreed(new Change(raisedAt, 30)), null);
            trainers.start("r");
            trainers.publish("r");
            assertThat(trainers.exitCode("r")).as(trainers.tail("r")).isZero();
        }
        assertThat(lastModel(folder.resolve("out"))).isEqualTo(lastModel(own.resolve("out")));
    }

    private static byte[] lastModel(Path out) throws IOException {
        List<Long> saved = checkpoints(out);
        return Files.readAllBytes(
                out.resolve("step-" + saved.get(saved.size() - 1)).resolve("model.safetensors"));
    }

    private static long raisedAt(Trainers trainers, String pod, int epochs) {
        TrainerReport report = trainers.awaitReport(
                pod, now -> now.epochs() != null && now.epochs().epochs() == epochs);
        return Objects.requireNonNull(Objects.requireNonNull(report.epochs()).step());
    }

    /** Trains in one process from the first step to the last, with a document that names the step of the change. */
    private byte[] weightsIfRaisedAt(long step) throws Exception {
        Path own = Files.createDirectories(folder.resolve("raised-at-" + step));
        try (Trainers trainers = new Trainers(own, spec, own.resolve("out"), true)) {
            trainers.change(FORTY.agreed(new Change(step, 40)), null);
            trainers.start("r");
            trainers.publish("r");
            assertThat(trainers.exitCode("r")).as(trainers.tail("r")).isZero();
        }
        return model(own.resolve("out"));
    }

    private static List<Long> checkpoints(Path out) throws IOException {
        if (!Files.isDirectory(out)) {
            return List.of();
        }
        try (Stream<Path> all = Files.list(out)) {
            return all.filter(path -> Files.exists(path.resolve("MANIFEST.json")))
                    .map(path -> Long.parseLong(path.getFileName().toString().substring("step-".length())))
                    .sorted()
                    .toList();
        }
    }

    private static byte[] model(Path out) throws IOException {
        return Files.readAllBytes(out.resolve("step-" + STEPS).resolve("model.safetensors"));
    }
}
