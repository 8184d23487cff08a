package io.swav.planner;

import io.swav.api.TrainerReport;
import java.time.Duration;
import java.time.Instant;

/**
 * Describes one event that ended pods, however many: those that had formed one world, or none yet, and ended in the same
 * way.
 *
 * @param generation of the last world that the pods had formed; 0 for pods that had formed none
 * @param how they ended, without what differs from pod to pod
 * @param first when the first of them was seen
 * @param last when the last of them was seen
 * @param pod the first of them
 * @param pods how many
 * @param number its place in a series of failures of pods that replaced one another, from 1
 */
public record FailureEvent(long generation, String how, Instant first, Instant last, String pod, int pods, int number) {
    /** How long after one member of a world another still belongs to the same event: exits and reports take time. */
    static final Duration TOGETHER = Duration.ofMinutes(1);

    /** The same for pods that had formed no world: they start at different times, as nodes and images become available. */
    static final Duration STARTING_TOGETHER = Duration.ofMinutes(10);

    public FailureEvent {
        number = Math.max(1, number); // absent from an earlier operator's state
    }

    public FailureEvent(long generation, String how, Instant first, Instant last, String pod, int pods) {
        this(generation, how, first, last, pod, pods, 1);
    }

    /**
     * Creates the event that a pod begins.
     *
     * @param why it ended: how, and after a colon what may be said of this pod alone
     */
    static FailureEvent of(ObservedPod pod, String why, Instant now) {
        return new FailureEvent(generation(pod), how(why), now, now, pod.name(), 1);
    }

    /** Returns how a pod ended, without what may be said of this pod alone. */
    static String how(String why) {
        return why.replaceFirst("(?s): .*", "");
    }

    private static long generation(ObservedPod pod) {
        return pod.signals().regroup().map(TrainerReport.Regroup::generation).orElse(0L);
    }

    /**
     * Whether the event that a pod would begin is this one. A pod that had formed no world belongs to it if it was created
     * before: one that was created later is another attempt.
     */
    boolean includes(FailureEvent other, Instant created) {
        boolean sameAttempt = generation > 0 || !created.isAfter(first);
        Duration together = generation > 0 ? TOGETHER : STARTING_TOGETHER;
        return generation == other.generation
                && how.equals(other.how)
                && sameAttempt
                && !other.first.isAfter(last.plus(together));
    }

    FailureEvent joinedAt(Instant now) {
        return new FailureEvent(generation, how, first, now, pod, pods + 1, number);
    }

    FailureEvent numbered(int place) {
        return new FailureEvent(generation, how, first, last, pod, pods, place);
    }

    /** Names the pods, as an incident does. */
    String names() {
        return pods == 1 ? pod : pod + " and " + (pods - 1) + " more";
    }
}
