package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport.Divergence;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Records replicas of the state that differed. Every member of the world reports the same event, for as long as it lives,
 * so each is remembered until the pods report later ones, and recorded once. A flipped bit is one event; a pod whose
 * state differs again and again has faulty memory or a faulty processor, and would let the job make no step.
 */
final class Divergences {
    /** After this many divergences in a row a pod is put out of the world. */
    static final int TOO_OFTEN = 3;

    private static final int KEPT = 100;

    private Divergences() {}

    /** Judges the members of the world; returns verdicts by uid. */
    static Map<String, Verdict> verdicts(PlannerInput input) {
        Map<String, Verdict> verdicts = new LinkedHashMap<>();
        for (Divergence divergence : reported(input)) {
            for (ObservedPod pod : input.members()) {
                if (divergence.number() >= TOO_OFTEN && divergence.pods().contains(pod.name())) {
                    verdicts.put(pod.uid(), new Verdict(Verdict.Fate.FAULTY, why(pod, divergence)));
                }
            }
        }
        return verdicts;
    }

    private static String why(ObservedPod pod, Divergence divergence) {
        return where(pod) + "its memory or processor is faulty, as its state differed " + divergence.number()
                + " times in a row from the other trainers', last in step " + divergence.step()
                + ". It is replaced; cordon its node. If the state of the next pod differs from that of "
                + divergence.source() + " as well, the fault is there: cordon that node, and delete "
                + divergence.source();
    }

    private static String where(ObservedPod pod) {
        return pod.facts().node().isEmpty() ? "" : "on node " + pod.facts().node() + ": ";
    }

    private static List<Divergence> reported(PlannerInput input) {
        return input.pods().stream()
                .flatMap(pod -> pod.facts().diverged().stream())
                .distinct()
                .toList();
    }

    static Recorded record(Recorded before, PlannerInput input, Instant now) {
        Set<String> known = before.state().progress().divergences();
        Set<String> reported = new TreeSet<>();
        Recorded recorded = before;
        for (Divergence divergence : reported(input)) {
            for (String pod : divergence.pods()) {
                String key = pod + "@" + divergence.step() + (divergence.number() > 1 ? "#" + divergence.number() : "");
                if (reported.add(key) && !known.contains(key)) {
                    recorded = recorded.withIncident(incident(pod, divergence, input, now), false);
                }
            }
        }
        PlannerState state = recorded.state();
        return recorded.with(state.with(state.progress().withDivergences(kept(known, reported))));
    }

    /** Returns what to remember: a pod whose report is missing now may report a known event again. */
    private static Set<String> kept(Set<String> known, Set<String> reported) {
        long first = reported.stream().mapToLong(Divergences::step).min().orElse(0);
        return Stream.concat(reported.stream(), known.stream().filter(key -> step(key) >= first))
                .distinct()
                .sorted(Comparator.comparingLong(Divergences::step).reversed())
                .limit(KEPT)
                .collect(Collectors.toSet());
    }

    private static long step(String key) {
        return Long.parseLong(key.replaceAll(".*@|#.*", ""));
    }

    private static Incident incident(String pod, Divergence divergence, PlannerInput input, Instant now) {
        String where = input.pods().stream()
                .filter(observed -> observed.name().equals(pod))
                .map(Divergences::where)
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
