package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.swav.api.PodReport;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.World;
import io.swav.plan.Observed;
import io.swav.plan.PodSeen;
import io.swav.plan.Standing;
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
 * @param told those, and the last of pods that are gone
 * @param lookAgain when to look although nothing has changed: what holds a pod is not all watched
 */
record Snapshot(
        SwavJob job,
        Optional<SwavJobSpec> accepted,
        List<String> problems,
        WorldMap worldMap,
        List<PodSeen> pods,
        Map<String, PodReport> reports,
        List<PodReport> told,
        Optional<ConfigMap> progressMap,
        Optional<Instant> lookAgain) {

    /**
     * Of the most advanced trainer of the newest world that anybody has reported: a dead pod may have been further
     * than those that came after it and went back to a checkpoint.
     */
    Optional<PodReport> latest() {
        return reports.values().stream()
                .filter(report -> report.steps() > 0)
                .max(Comparator.comparingLong(PodReport::generation)
                        .thenComparing(PodReport::step)
                        .thenComparing(PodReport::time));
    }

    /** Global steps applied, as far as anybody has reported. */
    long step() {
        return latest().map(PodReport::step).orElse(0L);
    }

    /**
     * Whether somebody is about to be judged by a report that may not be the last: one who has ended, or who is silent, a
     * member or where there is no world anybody.
     */
    boolean awaitsLastWords() {
        World world = worldMap.world();
        return pods.stream()
                .anyMatch(pod -> pod.standing() instanceof Standing.Dead
                        ? !worldMap.book().accounted().contains(pod.uid())
                        : !(pod.standing() instanceof Standing.Done)
                                && pod.signs().isSilent()
                                && (world.size() == 0 || world.rankOf(pod.uid()).isPresent()));
    }

    /** @param refusedUntil no pod is created before; null where none has been refused */
    Observed observed(@Nullable Instant refusedUntil) {
        return new Observed(job.getMetadata().getName(), worldMap.world(), worldMap.book(), pods, step(), refusedUntil);
    }
}
