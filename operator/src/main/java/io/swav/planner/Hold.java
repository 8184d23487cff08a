package io.swav.planner;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What keeps a pod from starting, beyond the time that a start takes.
 *
 * @param kind whether it can end by itself
 * @param reason one word of Kubernetes: Unschedulable, FailedMount, ImagePullBackOff
 * @param message Kubernetes' own words, possibly empty
 */
public record Hold(Kind kind, String reason, String message) {
    /** Reasons that one sentence spells out. */
    private static final int SHOWN = 3;

    /** Whose move it is. */
    public enum Kind {
        /** It ends by itself: capacity comes, a taint or a gate is removed, a registry answers. */
        WAITS,
        /** It ends when a person has acted: what the pod refers to does not exist, or cannot be valid. */
        NEEDS_ACTION
    }

    @Override
    public String toString() {
        return message.isBlank() ? reason : reason + ": " + message;
    }

    /** That of a pod that is held. */
    public static Optional<Hold> of(ObservedPod pod) {
        return pod.state() instanceof PodState.Starting starting ? starting.hold() : Optional.empty();
    }

    /** Whether a person has to act for one of these pods to start. */
    public static boolean needsAction(List<ObservedPod> pods) {
        return held(pods).stream().flatMap(pod -> of(pod).stream()).anyMatch(hold -> hold.kind() == Kind.NEEDS_ACTION);
    }

    /**
     * One sentence for all held pods: for each reason the first pod and its message, those that need a person before the
     * others. Empty when none is held.
     */
    public static Optional<String> sentence(List<ObservedPod> pods) {
        List<ObservedPod> held = held(pods);
        if (held.isEmpty()) {
            return Optional.empty();
        }
        long alive = pods.stream().filter(ObservedPod::isAlive).count();
        Map<String, List<ObservedPod>> byReason = held.stream()
                .collect(Collectors.groupingBy(
                        pod -> of(pod).orElseThrow().reason(), LinkedHashMap::new, Collectors.toList()));
        List<String> parts = new ArrayList<>();
        byReason.values().stream().limit(SHOWN).forEach(alike -> parts.add(part(alike)));
        if (byReason.size() > SHOWN) {
            parts.add((byReason.size() - SHOWN) + " more reasons: see the pods");
        }
        return Optional.of(held.size() + " of " + alive + (alive == 1 ? " pod" : " pods") + " cannot start: "
                + String.join("; ", parts));
    }

    private static String part(List<ObservedPod> alike) {
        String others = alike.size() == 1 ? "" : " (and " + (alike.size() - 1) + " more)";
        return alike.get(0).name() + others + ": " + of(alike.get(0)).orElseThrow();
    }

    /** Those that need a person first, then the oldest. */
    private static List<ObservedPod> held(List<ObservedPod> pods) {
        return pods.stream()
                .filter(pod -> of(pod).isPresent())
                .sorted(Comparator.comparing(
                                (ObservedPod pod) -> of(pod).orElseThrow().kind(), Comparator.reverseOrder())
                        .thenComparing(ObservedPod::created)
                        .thenComparing(ObservedPod::name))
                .toList();
    }
}
