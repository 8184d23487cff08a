package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ends real processes in the middle of a job; the last one that holds the state must save it. */
class LeavingProcessesTest {
    @TempDir
    Path folder;

    /** Trainers with a short notice, at a pace at which the job cannot end before the test does. */
    private Trainers trainers(Path out) throws IOException {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(300, 5));
        return new Trainers(folder, spec, out, true, "-Dtoy.stepMillis=200");
    }

    /**
     * No world without them is published; the last one cannot complete a step any more when its save deadline passes.
     */
    @Test
    void savesTheLastStepWhenAllGetSigtermOneAfterTheOther() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = trainers(out)) {
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitStep("a", 10);
            b.destroy();
            assertThat(trainers.exitCode("b")).isEqualTo(ExitCodes.PREEMPTED);
            a.destroy();
            assertThat(trainers.exitCode("a")).isEqualTo(ExitCodes.PREEMPTED);
            assertSaved(trainers, out, "a");
            assertThat(trainers.tail("b")).as("a holds the state").doesNotContain("saved step");
        }
    }

    @Test
    void lowestLiveRankSavesWhenRankZeroIsDead() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = trainers(out)) {
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            Process c = trainers.start("c");
            trainers.publish("a", "b", "c");
            trainers.awaitStep("b", 10);
            a.destroyForcibly();
            c.destroy();
            assertThat(trainers.exitCode("c")).isEqualTo(ExitCodes.PREEMPTED);
            b.destroy();
            assertThat(trainers.exitCode("b")).isEqualTo(ExitCodes.PREEMPTED);
            assertSaved(trainers, out, "b");
            assertThat(trainers.tail("c")).as("b holds the state").doesNotContain("saved step");
        }
    }

    @Test
    void savesBeforeSigkillWhenAPeerHangs() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = trainers(out)) {
            Process a = trainers.start("a");
            Process b = trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitStep("b", 10);
            Trainers.signal("-STOP", a);
            b.destroy();
            assertThat(trainers.exitCode("b")).isEqualTo(ExitCodes.PREEMPTED);
            assertSaved(trainers, out, "b");
        }
    }

    /** The others train on, so no other training may take the store over. */
    @Test
    void keepsTheStoreWhenRankZeroLeavesAndAnotherTrainerStays() throws Exception {
        Path out = folder.resolve("out");
        try (Trainers trainers = trainers(out)) {
            Process a = trainers.start("a");
            trainers.start("b");
            trainers.publish("a", "b");
            trainers.awaitStep("b", 10);
            a.destroy(); // no world without it is published before its save deadline passes
            assertThat(trainers.exitCode("a")).isEqualTo(ExitCodes.PREEMPTED);
            assertSaved(trainers, out, "a");
            JsonNode owner = new ObjectMapper()
                    .readTree(out.resolve("owner-1/OWNER.json").toFile());
            assertThat(owner.path("released").asBoolean(true)).isFalse();
        }
    }

    private static void assertSaved(Trainers trainers, Path out, String pod) {
        long step = trainers.awaitReport(pod, report -> true).step();
        assertThat(trainers.tail(pod)).contains("saved step " + step);
        assertThat(out.resolve("step-" + step).resolve("MANIFEST.json")).exists();
    }
}
