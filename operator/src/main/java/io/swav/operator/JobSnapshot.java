package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerInput;
import io.swav.planner.PodState;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * All that one reconciliation looks at, read once from the informers.
 *
 * @param accepted the spec to act on: the present one when it keeps the rules, otherwise the last one that did
 * @param problems why the present spec is not acted on, each naming its field
 * @param reports by pod name, of pods that exist
 * @param allReports those, and the last of pods that are gone
 * @param recheckAt when to look although nothing has changed: what holds a pod is not all watched
 */
record JobSnapshot(
        SwavJob job,
        Optional<SwavJobSpec> accepted,
        List<String> problems,
        WorldConfigMap worldMap,
        List<ObservedPod> pods,
        Map<String, TrainerReport> reports,
        List<TrainerReport> allReports,
        Optional<ConfigMap> progressMap,
        Optional<Instant> recheckAt) {

    /**
     * Of the most advanced trainer of the newest world that anybody has reported: a dead pod may have been further
     * than those that came after it and went back to a checkpoint.
     */
    Optional<TrainerReport> latest() {
        return reports.values().stream()
                .filter(report -> report.steps() > 0)
                .max(Comparator.comparingLong(TrainerReport::generation)
                        .thenComparing(TrainerReport::step)
                        .thenComparing(TrainerReport::time));
    }

    /** Global steps applied, as far as anybody has reported. */
    long step() {
        return latest().map(TrainerReport::step).orElse(0L);
    }

    /**
     * Whether somebody is about to be judged by a report that may not be the last: one who has ended, or who is silent, a
     * member or where there is no world anybody.
     */
    boolean needsLiveReports() {
        World world = worldMap.world();
        return pods.stream()
                .anyMatch(pod -> pod.state() instanceof PodState.Ended
                        ? !worldMap.state().accounted().contains(pod.uid())
                        : !(pod.state() instanceof PodState.Done)
                                && pod.signals().isSilent()
                                && (world.size() == 0 || world.rankOf(pod.uid()).isPresent()));
    }

    /** @param rejectedUntil no pod is created before; null where none has been refused */
    PlannerInput plannerInput(@Nullable Instant rejectedUntil) {
        return new PlannerInput(
                job.getMetadata().getName(), worldMap.world(), worldMap.state(), pods, step(), rejectedUntil);
    }
}
