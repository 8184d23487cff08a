package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.ReachReport;
import io.swav.api.TrainerReport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real processes of which one has another key: it reaches no other, and no other reaches it. */
class UnreachablePeerTest {
    private static final int STEPS = 300;
    private static final String PACE = "-Dtoy.stepMillis=200";
    private static final String OTHER_KEY = "another key, as long as that of the others";

    @TempDir
    Path folder;

    @Test
    void membersAndTheOneWithAnotherKeyNameEachOtherWhileTheirWorldDoesNotForm() throws Exception {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(STEPS, 15));
        try (Trainers trainers = new Trainers(folder, spec, folder.resolve("out"), true, PACE)) {
            trainers.start("a");
            trainers.start("b", OTHER_KEY);
            trainers.start("c");
            trainers.publish("a", "b", "c");
            for (String pod : new String[] {"a", "c"}) {
                ReachReport.Failure failure = unreached(trainers, pod, "uid-b");
                assertThat(failure.why()).contains("key");
                assertThat(reach(trainers.awaitReport(pod, completeFor(1))).failures())
                        .as("%s reaches the third", pod)
                        .hasSize(1);
            }
            for (String uid : new String[] {"uid-a", "uid-c"}) {
                unreached(trainers, "b", uid);
            }
            assertThat(trainers.awaitReport("a", report -> true).step()).isZero();

            trainers.publish(false, List.of("b"), "a", "c");
            trainers.awaitGeneration("a");
            trainers.awaitGeneration("c");
            trainers.awaitReport("a", report -> reach(report).failures().isEmpty());
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(trainers.exitCode("c")).as(trainers.tail("c")).isZero();
            Journals.everyStepIsWhole(trainers.journals(), STEPS, 8);
        }
    }

    @Test
    void aTrainerOutsideTheWorldReportsThatItDoesNotReachTheMembersWhichTrainOn() throws Exception {
        Path spec = Files.writeString(folder.resolve("job.json"), Trainers.spec(STEPS, 15));
        try (Trainers trainers = new Trainers(folder, spec, folder.resolve("out"), true, PACE)) {
            trainers.start("a");
            trainers.publish("a");
            trainers.awaitStep("a", 1);
            trainers.start("b", OTHER_KEY);
            trainers.start("c");
            unreached(trainers, "b", "uid-a");
            assertThat(reach(trainers.awaitReport("c", completeFor(1))).failures())
                    .isEmpty();
            long step = trainers.awaitReport("a", report -> true).step();
            trainers.awaitStep("a", step + 2);
            trainers.hurry();
            assertThat(trainers.exitCode("a")).as(trainers.tail("a")).isZero();
            assertThat(Journals.events(trainers.journals(), "a")).containsExactly("formed", "done");
        }
    }

    private static ReachReport.Failure unreached(Trainers trainers, String pod, String uid) {
        TrainerReport report = trainers.awaitReport(
                pod,
                each -> reach(each).failures().stream()
                        .anyMatch(failure -> failure.uid().equals(uid)));
        return reach(report).failures().stream()
                .filter(failure -> failure.uid().equals(uid))
                .findFirst()
                .orElseThrow();
    }

    private static Predicate<TrainerReport> completeFor(long generation) {
        return report -> reach(report).generation() == generation;
    }

    private static ReachReport reach(TrainerReport report) {
        ReachReport reach = report.reach();
        return reach == null ? ReachReport.NONE : reach;
    }
}
