package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.api.TrainerReport;
import io.swav.data.DataSynthCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Puts trainers into one world that do not train with the same. None makes a step with another, each reports what differs,
 * and those that agree train as soon as a world without the others is published.
 */
class AgreementProcessesTest {
    private static final int STEPS = 60;
    private static final String PACE = "-Dtoy.stepMillis=20";

    @TempDir
    Path folder;

    private Path spec = Path.of("");

    @BeforeEach
    void writeSpec() throws IOException {
        spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(STEPS, 15));
    }

    /** Two agree, and each of the others differs in something else. */
    @Test
    void noneOfThoseThatDifferMakesAStep() throws Exception {
        Map<String, String> others = Map.of(
                "c", "pod c has another configuration: training.seed 4 instead of 3",
                "d", "pod d has another configuration: training.optimizer.learningRate 20.0 instead of 4.8",
                "e", "pod e sees 640 images, the job 1000",
                "f", "pod f computes other bits (numerics fingerprint 1111111111111111, the job's 0000000000000000)");
        Path out = folder.resolve("out");
        try (Trainers trainers = new Trainers(folder, spec, out, true, PACE)) {
            trainers.start("a");
            trainers.start("b");
            trainers.start("c", changed("\"seed\": 4"), Map.of());
            trainers.start("d", changed("\"seed\": 3, \"optimizer\": {\"learningRate\": 20}"), Map.of());
            trainers.start("e", spec, Map.of(), "-Dtoy.samples=640");
            trainers.start("f", spec, Map.of(), "-Dtoy.numerics=1111111111111111");
            trainers.publish("c", "d", "a", "e", "b", "f");
            for (String pod : new String[] {"a", "b", "c", "d", "e", "f"}) {
                TrainerReport report = trainers.awaitReport(
                        pod, each -> others.values().stream().allMatch(words -> says(each, words)));
                assertThat(report.step()).as(pod).isZero();
                assertThat(report.state()).as(pod).isEqualTo(TrainerReport.State.Ready);
            }
            trainers.publish("a", "b");
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(trainers.exitCode("b")).as(trainers.tail("b")).isZero();
            for (String pod : others.keySet()) {
                assertThat(trainers.awaitReport(pod, report -> true).step())
                        .as(pod)
                        .isZero();
            }
            assertThat(Journals.events(trainers.journals(), "a")).containsExactly("formed", "done");
        }
        assertThat(out.resolve("step-" + STEPS)).exists();
    }

    /** A newcomer that differs meets trainers that hold a state: even if it is the lower rank, they decide. */
    @Test
    void theHoldersOfTheStateDecide() throws Exception {
        Path out = folder.resolve("out");
        // at this pace the job cannot end before the test lets it
        Files.writeString(spec, Trainers.spec(300, 15));
        try (Trainers trainers = new Trainers(folder, spec, out, true, "-Dtoy.stepMillis=200")) {
            trainers.start("b", spec, Map.of(), "-Dtoy.samples=640");
            trainers.start("c", spec, Map.of(), "-Dtoy.samples=640");
            for (String pod : new String[] {"b", "c"}) {
                trainers.awaitReport(pod, report -> report.state() == TrainerReport.State.Ready);
            }
            trainers.start("a");
            trainers.publish("a");
            trainers.awaitStep("a", 2);
            trainers.publish("b", "c", "a");
            long held = trainers.awaitReport("a", report -> says(report, "no step is made"))
                    .step();
            assertThat(trainers.tail("a")).contains("pod b sees 640 images, the job 1000; pod c sees 640");
            assertThat(trainers.awaitReport("b", report -> says(report, "no step is made"))
                            .step())
                    .isZero();
            trainers.publish("a");
            trainers.awaitStep("a", held + 1);
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
        }
        assertThat(out.resolve("step-300")).exists();
    }

    private static boolean says(TrainerReport report, String words) {
        return report.message() != null && report.message().contains(words);
    }

    private Path changed(String seed) throws IOException {
        String text = Files.readString(spec);
        assertThat(text).contains("\"seed\": 3");
        return Files.writeString(Files.createTempFile(folder, "other", ".json"), text.replace("\"seed\": 3", seed));
    }

    /** The same with SwAV itself: two folders of images, and the kernels that this processor runs. */
    @Test
    void trainersOfSwavSeeAnotherDataSetAndAnotherInstructionSet() throws Exception {
        DataSynthCommand.synthesize(folder.resolve("few"), 48, 2, 24, 1);
        DataSynthCommand.synthesize(folder.resolve("many"), 77, 2, 24, 1);
        Path few = Files.writeString(folder.resolve("few.json"), swav("few"));
        Path many = Files.writeString(folder.resolve("many.json"), swav("many"));
        try (Trainers trainers = new Trainers(folder, few, folder.resolve("out"), true).trainingSwav()) {
            trainers.start("a");
            trainers.start("b", many, Map.of());
            trainers.start("c", few, Map.of("ATEN_CPU_CAPABILITY", "default", "ONEDNN_MAX_CPU_ISA", "SSE41"));
            Fingerprints a = fingerprints(trainers, "a");
            Fingerprints b = fingerprints(trainers, "b");
            Fingerprints c = fingerprints(trainers, "c");
            assertThat(b.samples()).isGreaterThan(a.samples());
            assertThat(b.numerics()).isEqualTo(a.numerics());
            assertThat(c.data()).isEqualTo(a.data());
            assertThat(c.numerics()).isNotEqualTo(a.numerics());
            assertThat(c.firstStep()).isNotEqualTo(a.firstStep());

            trainers.publish("a", "b", "c");
            trainers.awaitReport("a", report -> says(report, "no step is made"));
            assertThat(trainers.tail("a"))
                    .contains("pod b sees " + b.samples() + " images, the job " + a.samples())
                    .contains("pod c computes other bits");
            trainers.publish("a");
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
        }
    }

    private static Fingerprints fingerprints(Trainers trainers, String pod) {
        return Objects.requireNonNull(trainers.awaitReport(pod, report -> report.fingerprints() != null)
                .fingerprints());
    }

    private String swav(String data) {
        return """
                {"replicas": 1,
                 "model": {"architecture": "tiny", "stem": "small", "prototypes": 8, "featureDim": 8, "hiddenDim": 16},
                 "data": {"uri": "%s"},
                 "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}],
                 "training": {"globalBatch": 24, "groupSize": 8, "maxSteps": 2}}
                """.formatted(folder.resolve(data).resolve("train").toUri());
    }
}
