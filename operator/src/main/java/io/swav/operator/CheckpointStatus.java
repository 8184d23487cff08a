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
 * What the status tells of checkpoints, from the report of their writer, rank 0: the catalogue, whether saving works, and
 * whether it is quicker than the notice that a cloud gives.
 */
final class CheckpointStatus {
    private final Optional<TrainerReport.Checkpoints> reported;
    private final SwavJobStatus before;

    private CheckpointStatus(Optional<TrainerReport.Checkpoints> reported, SwavJobStatus before) {
        this.reported = reported;
        this.before = before;
    }

    /** The present rank 0's word counts; while it has none, the newest that anybody has said. */
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

    /** What has been reported once stays when its writer is gone, and while the next one cannot list the store. */
    @Nullable
    List<CheckpointEntry> newest() {
        List<CheckpointEntry> known = before.checkpoints();
        return reported.map(TrainerReport.Checkpoints::newest)
                .filter(list -> !list.isEmpty() || known == null)
                .orElse(known);
    }

    /** The newest one that a job can be resumed from. */
    Optional<CheckpointEntry> usable() {
        return Optional.ofNullable(newest()).orElse(List.of()).stream()
                .filter(entry -> Boolean.TRUE.equals(entry.verified()))
                .findFirst();
    }

    /** Why trainers cannot read the store, which they wait for before they train. */
    Optional<String> unreadable() {
        return reported.filter(TrainerReport.Checkpoints::cannotResume).map(TrainerReport.Checkpoints::problem);
    }

    /** That a job saves nothing, for one that does not; what the writer said last while there is none. */
    void addTo(Conditions conditions, SwavJobSpec spec) {
        if (spec.checkpoint().uri() == null) {
            conditions.add(
                    ConditionType.WeightsNotKept,
                    true,
                    ConditionReason.NoCheckpointUri,
                    "there is no spec.checkpoint.uri: nothing is saved, and the weights are gone when the job ends");
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
                    usable().map(this::words).orElse("none was due yet"));
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
                        "saving takes %.1f s (95th percentile) and notice is %d s (recovery.noticeSeconds)%s",
                        seconds.get(),
                        notice,
                        exceeds
                                ? ": when all trainers are told to go at once, the steps since the last checkpoint are"
                                        + " lost. Save to a faster store, or more often (checkpoint.everySteps,"
                                        + " everySeconds)"
                                : ""));
    }

    private String words(CheckpointEntry entry) {
        String answered = reported.map(TrainerReport.Checkpoints::answered)
                .map(value -> "; " + ResourceNames.ANNOTATION_CHECKPOINT + "=" + value + " is answered")
                .orElse("");
        return "step " + entry.step() + " is in " + entry.uri() + ", verified" + answered;
    }
}
