package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests real processes with little direct memory. */
class MemoryProcessesTest {
    @TempDir
    Path folder;

    @Test
    void aLimitThatIsTooLowEndsTheTrainerBeforeItIsReady() throws Exception {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(50, 15));
        try (Trainers trainers =
                new Trainers(folder, spec, folder.resolve("out"), false, "-XX:MaxDirectMemorySize=8m")) {
            trainers.start("a");
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isEqualTo(ExitCodes.CONFIG);
            TrainerReport report = trainers.awaitReport("a", last -> last.state() == State.Failed);
            assertThat(report.message())
                    .contains("there is not enough memory to train: the JVM's limit of direct memory is 8 MB")
                    .containsPattern("Raise it by at least \\d+ MB, to \\d+ MB: raise -XX:MaxDirectMemorySize");
            assertThat(report.step()).isZero();
        }
    }

    @Test
    void trainsOnWithoutDirectMemoryAndSavesWhenThereIsSome() throws Exception {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(400, 15));
        Path out = folder.resolve("out");
        Path hog = folder.resolve("hog");
        try (Trainers trainers = new Trainers(
                folder, spec, out, false, "-XX:MaxDirectMemorySize=24m", "-Dtoy.stepMillis=10", "-Dtoy.hog=" + hog)) {
            trainers.start("a");
            trainers.awaitStep("a", 5);
            Files.createFile(hog);
            TrainerReport troubled = trainers.awaitReport(
                    "a",
                    report -> problem(report)
                            .filter(why -> why.contains("direct memory"))
                            .isPresent());
            assertThat(problem(troubled).orElseThrow()).contains("-XX:MaxDirectMemorySize");
            trainers.awaitStep("a", troubled.step() + 3);
            Files.delete(hog);
            trainers.awaitReport(
                    "a",
                    report -> report.checkpoints() != null && problem(report).isEmpty());
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(out.resolve("step-400/MANIFEST.json")).exists();
        }
    }

    private static Optional<String> problem(TrainerReport report) {
        return Optional.ofNullable(report.checkpoints()).map(TrainerReport.Checkpoints::problem);
    }
}
