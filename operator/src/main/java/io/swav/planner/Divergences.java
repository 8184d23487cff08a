package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport.Divergence;
import java.time.Instant;
import java.util.Set;
import java.util.TreeSet;

/**
 * Records replicas of the state that differed. Every member of the world reports the same event, for as long as it lives,
 * so each is remembered while any pod reports it, and recorded once.
 */
final class Divergences {
    private Divergences() {}

    static Recorded record(Recorded before, PlannerInput input, Instant now) {
        Set<String> known = before.state().progress().divergences();
        Set<String> reported = new TreeSet<>();
        Recorded recorded = before;
        for (ObservedPod witness : input.pods()) {
            if (witness.facts().diverged().isPresent()) {
                Divergence divergence = witness.facts().diverged().get();
                for (String pod : divergence.pods()) {
                    String key = pod + "@" + divergence.step();
                    if (reported.add(key) && !known.contains(key)) {
                        recorded = recorded.withIncident(incident(pod, divergence, input, now), false);
                    }
                }
            }
        }
        PlannerState state = recorded.state();
        return recorded.with(state.with(state.progress().withDivergences(reported)));
    }

    private static Incident incident(String pod, Divergence divergence, PlannerInput input, Instant now) {
        String where = input.pods().stream()
                .filter(observed ->
                        observed.name().equals(pod) && !observed.facts().node().isEmpty())
                .map(observed -> "on node " + observed.facts().node() + ": ")
                .findFirst()
                .orElse("");
        return new Incident(
                now.toString(),
                IncidentKind.Diverged,
                pod,
                where + divergence.why()
                        + ". If it happens again on this node, its memory or processor is faulty: cordon it",
                divergence.step(),
                null,
                null,
                null);
    }
}
