package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The status of checkpoints, from the report of their writer, rank 0: the catalog, whether saving works, and whether it
 * takes less time than the notice that a cloud gives.
 */
final class CheckpointStatus {
    private final Optional<TrainerReport.Checkpoints> reported;
    private final SwavJobStatus before;

    private CheckpointStatus(Optional<TrainerReport.Checkpoints> reported, SwavJobStatus before) {
        this.reported = reported;
        this.before = before;
    }

    /** Uses the report of the present rank 0; while it has none, the newest report of any trainer. */
    static CheckpointStatus of(Collection<TrainerReport> reports, World world, SwavJobStatus before) {
        Optional<TrainerReport> writer = world.members().stream()
                .findFirst()
                .flatMap(member -> reports.stream()
                        .filter(report -> report.uid().equals(member.uid()) && report.checkpoints() != null)
                        .findFirst());
        return new CheckpointStatus(
                writer.or(() -> reports.stream()
                                .filter(report -> report.checkpoints() != null)
                                .max(Comparator.comparing(TrainerReport::time)))
                        .map(TrainerReport::checkpoints),
                before);
    }

    /**
     * Returns the newest checkpoints. A catalog that was reported once stays after its writer has exited, and while the
     * next writer cannot list the store.
     */
    @Nullable
    List<CheckpointEntry> newest() {
        List<CheckpointEntry> known = before.checkpoints();
        return reported.map(TrainerReport.Checkpoints::newest)
                .filter(list -> !list.isEmpty() || known == null)
                .orElse(known);
    }

    /** Returns the newest checkpoint that a job can resume from. */
    Optional<CheckpointEntry> usable() {
        return Optional.ofNullable(newest()).orElse(List.of()).stream()
                .filter(entry -> Boolean.TRUE.equals(entry.verified()))
                .findFirst();
    }

    /** Returns why trainers cannot read the store, for which they wait before they train. */
    Optional<String> unreadable() {
        return reported.filter(TrainerReport.Checkpoints::cannotResume).map(TrainerReport.Checkpoints::problem);
    }

    /**
     * Adds the conditions about checkpoints: that the job saves nothing, if it has no store, and otherwise the writer's
     * last report.
     */
    void addTo(Conditions conditions, SwavJobSpec spec) {
        if (spec.checkpoint().uri() == null) {
            conditions.add(
                    ConditionType.WeightsNotKept,
                    true,
                    ConditionReason.NoCheckpointUri,
                    "spec.checkpoint.uri is not set: nothing is saved, and the weights are lost when the job ends");
            return;
        }
        Optional<String> problem = reported.map(TrainerReport.Checkpoints::problem);
        if (problem.isPresent()) {
            conditions.add(
                    ConditionType.CheckpointsSaved,
                    false,
                    reported.get().cannotResume() ? ConditionReason.CannotResume : ConditionReason.SaveFailed,
                    problem.get());
        } else if (reported.isPresent()) {
            conditions.add(
                    ConditionType.CheckpointsSaved,
                    true,
                    ConditionReason.Saved,
                    usable().map(this::describe).orElse("No checkpoint was due yet"));
        } else {
            conditions.keep(ConditionType.CheckpointsSaved);
        }
        Optional<Double> seconds = reported.map(TrainerReport.Checkpoints::saveSeconds);
        if (seconds.isEmpty()) {
            conditions.keep(ConditionType.CheckpointExceedsNotice);
            return;
        }
        int notice = spec.recovery().noticeSeconds();
        boolean exceeds = seconds.get() > notice;
        conditions.add(
                ConditionType.CheckpointExceedsNotice,
                exceeds,
                exceeds ? ConditionReason.TooSlow : ConditionReason.InTime,
                String.format(
                        Locale.ROOT,
                        "Saving takes %.1f s (95th percentile), the notice is %d s (recovery.noticeSeconds)%s",
                        seconds.get(),
                        notice,
                        exceeds
                                ? ". If all trainers are preempted at once, the steps since the last checkpoint are"
                                        + " lost."
                                        + " Save more often (lower checkpoint.everySteps or everySeconds, which running"
                                        + " trainers follow), or to a faster store in a new job"
                                : ""));
    }

    private String describe(CheckpointEntry entry) {
        String answered = reported.map(TrainerReport.Checkpoints::answered)
                .map(value -> ". Request " + ResourceNames.ANNOTATION_CHECKPOINT + "=" + value + " is fulfilled")
                .orElse("");
        return "Step " + entry.step() + " is saved in " + entry.uri() + " and verified" + answered;
    }
}
