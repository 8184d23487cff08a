package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class CheckpointStatusTest {
    private static final Instant NOW = Instant.parse("2026-11-23T10:00:00Z");
    private static final World WORLD =
            new World(3, "job", List.of(new World.Member("a", "uid-a", ""), new World.Member("b", "uid-b", "")), "");
    private static final CheckpointEntry GOOD = entry(40, null);
    private static final CheckpointEntry BAD = entry(50, "model.safetensors is damaged");

    @Test
    void theReportOfRankZeroCounts() {
        List<TrainerReport> reports = List.of(report("a", GOOD), report("b", BAD));
        assertThat(CheckpointStatus.of(reports, WORLD, SwavJobStatus.EMPTY).newest())
                .containsExactly(GOOD);
        assertThat(CheckpointStatus.of(List.of(report("b", BAD)), WORLD, SwavJobStatus.EMPTY)
                        .newest())
                .containsExactly(BAD);
        assertThat(CheckpointStatus.of(List.of(), WORLD, SwavJobStatus.EMPTY).newest())
                .isNull();
    }

    @Test
    void aCheckpointThatCannotBeResumedIsNotUsable() {
        List<TrainerReport> reports = List.of(report("a", BAD, GOOD));
        assertThat(CheckpointStatus.of(reports, WORLD, SwavJobStatus.EMPTY).usable())
                .contains(GOOD);
    }

    @Test
    void aFailedSaveStatesWhyAndASlowOneWhatToDo() throws Exception {
        List<JobCondition> failing = conditions("No space left on device", 15.1);
        assertThat(failing)
                .extracting(JobCondition::type, JobCondition::status, JobCondition::reason)
                .containsExactly(
                        tuple("CheckpointsSaved", "False", "SaveFailed"),
                        tuple("CheckpointExceedsNotice", "True", "TooSlow"));
        assertThat(failing.get(0).message()).isEqualTo("No space left on device");
        assertThat(failing.get(1).message())
                .startsWith("Saving takes 15.1 s (95th percentile), the notice is 15 s (recovery.noticeSeconds). If");
        assertThat(conditions(null, 14.9))
                .extracting(JobCondition::status, JobCondition::message)
                .containsExactly(
                        tuple("True", "Step 40 is saved in file:///c/step-40 and verified"),
                        tuple(
                                "False",
                                "Saving takes 14.9 s (95th percentile), the notice is 15 s (recovery.noticeSeconds)"));
        assertThat(conditions(null, null)).hasSize(1);
        assertThat(conditions("cannot read checkpoints of file:///c", true, null)
                        .get(0)
                        .reason())
                .isEqualTo("CannotResume");
    }

    /** A writer that has not listed the store yet, or finds it empty, removes nothing. */
    @Test
    void reportedCheckpointsStay() {
        List<TrainerReport> good = List.of(report("a", GOOD));
        SwavJobStatus before = new SwavJobStatus(
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                CheckpointStatus.of(good, WORLD, SwavJobStatus.EMPTY).newest(),
                null,
                null);
        assertThat(CheckpointStatus.of(List.of(report("a")), WORLD, before).usable())
                .contains(GOOD);
    }

    private static List<JobCondition> conditions(@Nullable String problem, @Nullable Double seconds) throws Exception {
        return conditions(problem, false, seconds);
    }

    private static List<JobCondition> conditions(
            @Nullable String problem, boolean cannotResume, @Nullable Double seconds) throws Exception {
        SwavJobSpec spec = SpecLoader.complete(
                "test",
                new ObjectMapper()
                        .readTree("{\"data\": {\"uri\": \"file:///d\"}, \"checkpoint\": {\"uri\": \"file:///c\"}}"));
        TrainerReport.Checkpoints reported =
                new TrainerReport.Checkpoints(List.of(GOOD), problem, cannotResume, seconds, null);
        Conditions conditions = new Conditions(SwavJobStatus.EMPTY, NOW, 1);
        CheckpointStatus.of(List.of(report("a", reported)), WORLD, SwavJobStatus.EMPTY)
                .addTo(conditions, spec);
        return conditions.list();
    }

    private static CheckpointEntry entry(long step, @Nullable String problem) {
        return new CheckpointEntry(
                step, 8 * step, 2, "file:///c/step-" + step, "d", 100L, 1.5, problem == null, problem, NOW.toString());
    }

    private static TrainerReport report(String pod, CheckpointEntry... newest) {
        return report(pod, new TrainerReport.Checkpoints(List.of(newest), null, false, null, null));
    }

    private static TrainerReport report(String pod, TrainerReport.Checkpoints reported) {
        return Jobs.report("""
                {pod: %1$s, uid: uid-%1$s, state: Training, generation: 3, step: 60, steps: 100,
                 checkpoints: %2$s, time: "%3$s"}
                """.formatted(pod, Serialization.asJson(reported), NOW));
    }
}
