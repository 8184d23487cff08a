package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.data.DataSynthCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flips one bit of one trainer's weights while real processes train; the final weights must be those of an undisturbed run. */
class DivergedProcessesTest {
    private static final int STEPS = 60;
    private static final String PACE = "-Dtoy.stepMillis=20";

    @TempDir
    static Path shared;

    @TempDir
    Path folder;

    private static Path spec = Path.of("");
    private static byte[] undisturbed = {};

    @BeforeAll
    static void undisturbedRun() throws Exception {
        spec = Files.writeString(shared.resolve("job.json"), Trainers.spec(STEPS, 15));
        Path out = shared.resolve("out");
        try (Trainers trainers = new Trainers(shared, spec, out, false)) {
            trainers.start("alone");
            assertThat(trainers.exitCode("alone")).as(trainers.tail("alone")).isZero();
        }
        undisturbed = model(out);
    }

    @Test
    void theMajorityReplacesAFlippedBit() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Map<String, String> fault = Map.of(TrainerEnv.FAULT_FLIP, "a@33");
            for (String pod : new String[] {"a", "b", "c"}) {
                trainers.start(pod, spec, fault);
            }
            trainers.publish("a", "b", "c");
            trainers.hurry();
            for (String pod : new String[] {"a", "b", "c"}) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isZero();
                assertThat(Journals.events(trainers.journals(), pod))
                        .containsSubsequence("formed", "dropped", "diverged", "formed", "done");
                assertDiverged(trainers, pod, "a", "b", "as 2 of 3 trainers hold it");
            }
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    /** The step cannot be made with it; the operator puts such a pod out of the world. */
    @Test
    void aTrainerWhoseMemoryStaysFaultyIsCountedUntilTheWorldIsWithoutIt() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Map<String, String> fault = Map.of(TrainerEnv.FAULT_FLIP, "c@33:always");
            for (String pod : new String[] {"a", "b", "c"}) {
                trainers.start(pod, spec, fault);
            }
            trainers.publish("a", "b", "c");
            TrainerReport report = trainers.awaitReport(
                    "a", of -> of.diverged() != null && of.diverged().number() >= 3);
            assertThat(report.diverged())
                    .satisfies(what -> assertThat(what.pods()).containsExactly("c"));
            trainers.hurry();
            trainers.publish("a", "b");
            for (String pod : new String[] {"a", "b"}) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isZero();
            }
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    @Test
    void rankZeroDecidesBetweenTwoOtherwise() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Map<String, String> fault = Map.of(TrainerEnv.FAULT_FLIP, "b@33");
            trainers.start("a", spec, fault);
            trainers.start("b", spec, fault);
            trainers.publish("a", "b");
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(trainers.exitCode("b")).as(trainers.tail("b")).isZero();
            assertDiverged(trainers, "a", "b", "a", "the lowest rank, because no majority");
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    /** Rank 0 saves every 25 steps, so the trainers have compared the states of step 25. */
    @Test
    void theLastCheckpointDecidesBetweenTwo() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, "-Dtoy.stepMillis=100")) {
            Map<String, String> fault = Map.of(TrainerEnv.FAULT_FLIP, "a@25");
            trainers.start("a", spec, fault);
            trainers.start("b", spec, fault);
            trainers.publish("a", "b");
            trainers.awaitStep("a", 26); // not before: a save at another step would be compared at that step
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(trainers.exitCode("b")).as(trainers.tail("b")).isZero();
            assertDiverged(trainers, "b", "a", "b", "is the one that all trainers held before");
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    /** The same with SwAV itself: in Fast mode the weights depend on the number of ranks. */
    @Test
    void swavEndsWithTheWeightsOfAnUndisturbedRun() throws Exception {
        DataSynthCommand.synthesize(folder.resolve("data"), 48, 2, 24, 1);
        for (String mode : new String[] {"Bitwise", "Fast"}) {
            Path work = Files.createDirectory(folder.resolve(mode));
            Path spec = Files.writeString(work.resolve("job.json"), """
                    {"replicas": 1,
                     "model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
                     "data": {"uri": "%s"},
                     "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                     "training": {"globalBatch": 24, "groupSize": 8, "epochs": 100, "maxSteps": 12,
                                  "reproducibility": "%s"}}
                    """.formatted(
                            folder.resolve("data/train").toUri(), mode));
            List<String> pods = mode.equals("Bitwise") ? List.of("a", "b", "c") : List.of("a", "b");
            List<String> quiet = mode.equals("Bitwise") ? List.of("alone") : pods;
            byte[] disturbed = run(work, spec, pods, Map.of(TrainerEnv.FAULT_FLIP, "b@7"));
            assertThat(disturbed).as(mode).isEqualTo(run(work, spec, quiet, Map.of()));
        }
    }

    private static byte[] run(Path work, Path spec, List<String> pods, Map<String, String> fault) throws Exception {
        Path folder = Files.createDirectory(work.resolve(fault.isEmpty() ? "quiet" : "disturbed"));
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true).trainingSwav()) {
            pods.forEach(pod -> trainers.start(pod, spec, fault));
            trainers.publish(pods.toArray(String[]::new));
            for (String pod : pods) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isZero();
            }
            if (!fault.isEmpty()) {
                String basis = pods.size() > 2 ? "as 2 of 3 trainers hold it" : "the lowest rank, because no majority";
                assertDiverged(trainers, pods.get(pods.size() - 1), "b", "a", basis);
            }
        }
        return Files.readAllBytes(out.resolve("step-12/model.safetensors"));
    }

    private static void assertDiverged(Trainers trainers, String reporter, String pod, String source, String basis) {
        TrainerReport.Divergence diverged = Objects.requireNonNull(trainers.awaitReport(
                        reporter, report -> report.diverged() != null && report.state() == TrainerReport.State.Done)
                .diverged());
        assertThat(diverged.pods()).containsExactly(pod);
        assertThat(diverged.source()).isEqualTo(source);
        assertThat(diverged.why()).contains(basis);
        assertThat(trainers.tail(reporter).lines().filter(line -> line.contains("WARN")))
                .anyMatch(line -> line.contains("diverged: " + pod + ": its state of step " + diverged.step()));
    }

    private static byte[] model(Path out) throws IOException {
        return Files.readAllBytes(out.resolve("step-" + STEPS).resolve("model.safetensors"));
    }
}
