package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Starts two trainings in one place, as real processes. */
class TwoTrainingsTest {
    @TempDir
    Path folder;

    private Trainers trainers() throws IOException {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(1000, 15));
        return new Trainers(folder, spec, folder.resolve("out"), false, "-Dtoy.stepMillis=50");
    }

    @Test
    void aSecondCommandIsRefusedAndAfterAKillItContinues() throws Exception {
        try (Trainers trainers = trainers()) {
            trainers.variable(TrainerEnv.JOB_UID, "");
            Process first = trainers.start("a");
            trainers.awaitReport("a", report -> report.step() > 30 && saved(report));
            trainers.start("b");
            assertThat(trainers.exitCode("b")).as(trainers.tail("b")).isEqualTo(ExitCodes.CONFIG);
            assertThat(trainers.tail("b"))
                    .contains("belongs to swav train (process " + first.pid() + ")")
                    .contains("which is training there now");
            TrainerReport refused = trainers.awaitReport("b", report -> report.state() == State.Failed);
            assertThat(refused.message()).contains("belongs to swav train");

            first.destroyForcibly();
            assertThat(trainers.exitCode("a")).isNotZero();
            trainers.start("c");
            assertThat(trainers.awaitReport("c", report -> report.step() > 0).step())
                    .as("it resumed")
                    .isGreaterThanOrEqualTo(25);
            trainers.hurry();
            assertThat(trainers.exitCode("c")).as(trainers.tail("c")).isZero();
            assertThat(folder.resolve("out/export/backbone.safetensors")).exists();
        }
    }

    /** kubectl delete and apply: the new job has the same name and another uid. */
    @Test
    void aJobThatWasDeletedAndAppliedAgainResumesByItself() throws Exception {
        try (Trainers trainers = trainers()) {
            job(trainers, "uid-1", "demo");
            Process deleted = trainers.start("a");
            trainers.awaitReport("a", report -> report.step() > 30 && saved(report));
            job(trainers, "uid-2", "demo");
            trainers.start("b"); // before the pods of the deleted one have ended
            TrainerReport waiting =
                    trainers.awaitReport("b", report -> problem(report).isPresent());
            assertThat(problem(waiting).orElseThrow())
                    .contains("cannot resume")
                    .contains("belongs to SwavJob default/demo (job uid-1)")
                    .contains("This one begins as soon as that one has ended");
            deleted.destroy();
            assertThat(trainers.exitCode("a")).isEqualTo(ExitCodes.PREEMPTED);
            long last = trainers.awaitReport("a", report -> true).step();
            trainers.awaitReport(
                    "b", report -> report.step() > last && problem(report).isEmpty());
            assertThat(trainers.tail("b")).contains("resumed from the checkpoint of step " + last);
            trainers.hurry();
            assertThat(trainers.exitCode("b")).as(trainers.tail("b")).isZero();
        }
    }

    /** Its job is Failed; the first one has noticed nothing. */
    @Test
    void anotherJobIsRefusedWhileTheFirstOneTrains() throws Exception {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(2000, 15));
        try (Trainers trainers = new Trainers(folder, spec, folder.resolve("out"), false, "-Dtoy.stepMillis=100")) {
            job(trainers, "uid-1", "demo");
            trainers.start("a");
            trainers.awaitReport("a", report -> report.step() > 0);
            job(trainers, "uid-2", "another");
            trainers.start("b");
            assertThat(trainers.exitCode("b")).as(trainers.tail("b")).isEqualTo(ExitCodes.CONFIG);
            assertThat(trainers.awaitReport("b", report -> report.state() == State.Failed)
                            .message())
                    .contains("belongs to SwavJob default/demo (job uid-1), which is training there now")
                    .contains("checkpoint.uri");
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(trainers.tail("a")).doesNotContain("cannot save");
        }
    }

    private static void job(Trainers trainers, String uid, String name) {
        trainers.variable(TrainerEnv.JOB_UID, uid);
        trainers.variable(TrainerEnv.JOB, name);
    }

    private static boolean saved(TrainerReport report) {
        return report.checkpoints() != null && !report.checkpoints().newest().isEmpty();
    }

    private static Optional<String> problem(TrainerReport report) {
        return Optional.ofNullable(report.checkpoints()).map(TrainerReport.Checkpoints::problem);
    }
}
