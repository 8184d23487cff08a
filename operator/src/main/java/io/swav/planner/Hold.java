package io.swav.planner;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What keeps a pod from starting for longer than a normal start takes.
 *
 * @param kind whether it can end without a person
 * @param reason one word of Kubernetes: Unschedulable, FailedMount, ImagePullBackOff
 * @param message Kubernetes' own message, possibly empty
 */
public record Hold(Kind kind, String reason, String message) {
    /** The scheduler's reason if it finds no node for a pod. */
    static final String UNSCHEDULABLE = "Unschedulable";

    /** The number of reasons that one sentence spells out. */
    private static final int SHOWN = 3;

    /** Whether the hold ends without a person. */
    public enum Kind {
        /** It ends by itself: capacity arrives, a taint or a scheduling gate is removed, a registry responds. */
        WAITS,
        /** It ends only after a person has acted: what the pod refers to does not exist, or cannot be valid. */
        NEEDS_ACTION
    }

    @Override
    public String toString() {
        return message.isBlank() ? reason : reason + ": " + message;
    }

    /** Returns the hold of a pod; empty if the pod is not held. */
    public static Optional<Hold> of(ObservedPod pod) {
        return pod.state() instanceof PodState.Starting starting ? starting.hold() : Optional.empty();
    }

    /** Whether one of these pods cannot start until a person acts. */
    public static boolean needsAction(List<ObservedPod> pods) {
        return held(pods).stream().flatMap(pod -> of(pod).stream()).anyMatch(hold -> hold.kind() == Kind.NEEDS_ACTION);
    }

    /**
     * Describes all held pods in one sentence: for each reason the first pod and its message, pods that need a person
     * first. Empty if no pod is held.
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
            parts.add((byReason.size() - SHOWN) + " more reasons, see the pods");
        }
        return Optional.of(held.size() + " of " + alive + (alive == 1 ? " pod" : " pods") + " cannot start: "
                + String.join("; ", parts));
    }

    private static String part(List<ObservedPod> alike) {
        String others = alike.size() == 1 ? "" : " (and " + (alike.size() - 1) + " more)";
        return alike.get(0).name() + others + ": " + of(alike.get(0)).orElseThrow();
    }

    /** Held pods, those that need a person first, then by age. */
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
