package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.swav.api.PodReport;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.plan.Observed;
import io.swav.plan.PodSeen;
import java.time.Instant;
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
 */
record Snapshot(
        SwavJob job,
        Optional<SwavJobSpec> accepted,
        List<String> problems,
        WorldMap worldMap,
        List<PodSeen> pods,
        Map<String, PodReport> reports,
        Optional<ConfigMap> progressMap) {

    /** Global steps applied, as far as anybody has reported. */
    long step() {
        return reports.values().stream().mapToLong(PodReport::step).max().orElse(0);
    }

    /** Whether a member of the world whose pod is alive has not been heard lately. */
    boolean isAnybodySilent() {
        return pods.stream()
                .anyMatch(pod -> pod.isAlive()
                        && pod.signs().isSilent()
                        && worldMap.world().rankOf(pod.uid()).isPresent());
    }

    /** @param refusedUntil no pod is created before; null where none has been refused */
    Observed observed(@Nullable Instant refusedUntil) {
        return new Observed(job.getMetadata().getName(), worldMap.world(), worldMap.book(), pods, step(), refusedUntil);
    }
}
