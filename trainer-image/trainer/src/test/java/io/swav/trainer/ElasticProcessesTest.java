package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Trains with real processes whose world changes while they run; the weights must equal those of one undisturbed
 * process.
 */
class ElasticProcessesTest {
    private static final int STEPS = 300;
    /** At this pace the steps last four minutes, longer than a test waits for anything, until it speeds them up. */
    private static final String PACE = "-Dtoy.stepMillis=200";

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
    void killJoinAndNoticeDoNotChangeTheWeights() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Process a = trainers.start("a");
            trainers.start("b");
            Process c = trainers.start("c");
            trainers.publish("a", "b", "c");
            trainers.awaitStep("a", 10);

            c.destroyForcibly();
            // the order of disconnects is chance: b may have given up before a saw c's end
            TrainerReport survivor = trainers.awaitReport("a", report -> report.lostPeer() != null);
            assertThat(survivor.lostPeer()).isIn("uid-b", "uid-c");
            trainers.publish("a", "b");
            trainers.awaitGeneration("a");
            trainers.start("d");
            trainers.awaitReport("d", report -> report.state() == TrainerReport.State.Ready);
            trainers.publish("a", "b", "d");
            trainers.awaitGeneration("d");
            trainers.awaitGeneration("a");

            a.destroy(); // SIGTERM: a continues until the world without it
            trainers.publish("b", "d");
            assertThat(trainers.exitCode("a")).isEqualTo(ExitCodes.PREEMPTED);
            trainers.awaitGeneration("b");

            trainers.hurry();
            assertThat(trainers.exitCode("b")).isZero();
            assertThat(trainers.exitCode("d")).isZero();
            // with notice nothing fails: the only world that may have ended by a failure is the first
            assertThat(trainers.tail("b").lines().filter(line -> line.contains("ended at step")))
                    .allMatch(line -> line.contains("generation 1 ended"));
            assertThat(trainers.tail("d")).doesNotContain("ended at step");
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
            assertThat(Journals.events(trainers.journals(), "a")).endsWith("notice", "left");
            assertThat(Journals.events(trainers.journals(), "b"))
                    .startsWith("formed")
                    .doesNotContain("notice", "left", "resumed")
                    .endsWith("formed", "done");
            assertThat(Journals.events(trainers.journals(), "d")).containsExactly("formed", "formed", "done");
        }
        assertThat(model(out)).isEqualTo(undisturbed);
        assertThat(out.resolve("export/backbone.safetensors")).exists();
    }

    @Test
    void nonsenseBetweenTwoWorldsEndsNoTrainer() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            trainers.start("a");
            trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitGeneration("b");
            for (Map.Entry<String, String> nonsense : nonsense().entrySet()) {
                trainers.write(nonsense.getValue());
                for (String pod : new String[] {"a", "b"}) {
                    TrainerReport report = trainers.awaitReport(
                            pod,
                            r -> r.worldProblem() != null && r.worldProblem().contains(nonsense.getKey()));
                    assertThat(report.generation()).as(nonsense.getKey()).isEqualTo(1);
                    assertThat(report.state()).isEqualTo(TrainerReport.State.Training);
                }
            }
            for (String pod : new String[] {"a", "b"}) {
                long now = trainers.awaitReport(pod, report -> true).step();
                trainers.awaitStep(pod, now + 1);
            }
            trainers.start("c");
            trainers.publish("a", "b", "c");
            for (String pod : new String[] {"a", "b", "c"}) {
                trainers.awaitGeneration(pod);
            }
            trainers.awaitReport("a", report -> report.worldProblem() == null);
            trainers.hurry();
            for (String pod : new String[] {"a", "b", "c"}) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isZero();
            }
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
            assertThat(Journals.events(trainers.journals(), "a")).containsExactly("formed", "formed", "done");
            assertThat(trainers.tail("a").lines().filter(line -> line.contains("is ignored")))
                    .as("each document is logged once")
                    .hasSize(nonsense().size());
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    /** Returns documents that no trainer can follow, by words of the reason. */
    private static Map<String, String> nonsense() {
        String world = "{\"generation\": %s, \"job\": \"job\", \"members\": [%s], \"why\": \"nonsense\"}";
        String a = "{\"pod\": \"a\", \"uid\": \"uid-a\", \"address\": \"127.0.0.1:%s\"}";
        String b = "{\"pod\": \"b\", \"uid\": \"uid-b\", \"address\": \"127.0.0.1:1\"}";
        String many = IntStream.range(0, 9)
                .mapToObj(i -> b.replace("\"b\"", "\"b" + i + "\"").replace("uid-b", "uid-" + i))
                .collect(Collectors.joining(", "));
        return Map.of(
                "has generation 9223372036854775807",
                        world.formatted("9223372036854775807", a.formatted("1") + ", " + b),
                "its address 127.0.0.1:99999", world.formatted("2", a.formatted("99999") + ", " + b),
                "its uid uid-b is that of another", world.formatted("2", b + ", " + b),
                "names 9 members", world.formatted("2", many),
                "the value of members[0]", world.formatted("2", "[".repeat(100_000)),
                "is null", "null");
    }

    /** Starts a and b, and stops b in the middle. */
    private static Process hangBesideA(Trainers trainers) throws Exception {
        trainers.start("a");
        Process b = trainers.start("b");
        trainers.publish("a", "b");
        trainers.awaitStep("a", 10);
        Trainers.signal("-STOP", b);
        return b;
    }

    @Test
    void excludesAHungPeerWhichExitsWhenItResumes() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Process b = hangBesideA(trainers);
            trainers.publish("a");
            trainers.awaitGeneration("a");
            Trainers.signal("-CONT", b);
            assertThat(trainers.exitCode("b")).isEqualTo(ExitCodes.PREEMPTED);
            trainers.hurry();
            assertThat(trainers.exitCode("a")).isZero();
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    @Test
    void holdsStateBelowTheMinimumUntilAnotherTrainerJoins() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Process b = hangBesideA(trainers);
            trainers.publish(true, List.of("b"), "a");
            TrainerReport holding = trainers.awaitReport("a", report -> report.state() == TrainerReport.State.Ready);
            assertThat(holding.message()).isEqualTo("holding: generation 2");
            assertThat(holding.stalledSeconds()).isNull();
            Path saved = out.resolve("step-" + holding.step()).resolve("MANIFEST.json");
            await().untilAsserted(() -> assertThat(saved).exists());
            Trainers.signal("-CONT", b);
            assertThat(trainers.exitCode("b")).isEqualTo(ExitCodes.PREEMPTED);
            trainers.start("c");
            trainers.publish("a", "c");
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(trainers.exitCode("c")).as(trainers.tail("c")).isZero();
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
            assertThat(Journals.events(trainers.journals(), "a"))
                    .containsExactly("formed", "dropped", "formed", "done");
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    @Test
    void resumesFromTheLastCheckpointAfterAllWereKilled() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitStep("a", 40);
            a.destroyForcibly();
            b.destroyForcibly();
            trainers.hurry();
            trainers.start("c");
            trainers.start("d");
            trainers.start("e");
            trainers.publish("c", "d", "e");
            for (String pod : new String[] {"c", "d", "e"}) {
                assertThat(trainers.exitCode(pod)).as(trainers.tail(pod)).isZero();
            }
            assertThat(trainers.tail("c"))
                    .containsPattern("resumed from the checkpoint of step (25|50|75|100|125|150),");
            assertThat(trainers.tail("d")).doesNotContain("resumed").contains("formed, 3 ranks");
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
            assertThat(Journals.events(trainers.journals(), "c")).contains("resumed");
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    @Test
    void loneProcessSavesItsStepOnSigterm() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, false, PACE)) {
            Process first = trainers.start("first");
            trainers.awaitStep("first", 10);
            first.destroy();
            assertThat(trainers.exitCode("first")).isEqualTo(ExitCodes.PREEMPTED);
            assertThat(trainers.tail("first")).contains("saved step");
            trainers.hurry();
            trainers.start("second");
            assertThat(trainers.exitCode("second")).isZero();
            assertThat(trainers.tail("second")).contains("resumed from the checkpoint of step");
        }
        assertThat(model(out)).isEqualTo(undisturbed);
    }

    private static byte[] model(Path out) throws IOException {
        return Files.readAllBytes(out.resolve("step-" + STEPS).resolve("model.safetensors"));
    }
}
