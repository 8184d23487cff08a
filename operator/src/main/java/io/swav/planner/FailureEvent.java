package io.swav.planner;

import java.time.Duration;
import java.time.Instant;

/**
 * One event that ended pods, however many: those that were in one world, or had entered none, and ended in the same way.
 *
 * @param generation of the last world that the pods had formed; 0 for pods that had entered none
 * @param how they ended, without what differs from pod to pod
 * @param first when the first of them was seen
 * @param last when the last of them was seen
 * @param pod the first of them
 * @param pods how many
 */
public record FailureEvent(long generation, String how, Instant first, Instant last, String pod, int pods) {
    /** How long after one member of a world another still belongs to the same event: exits and reports take time. */
    static final Duration TOGETHER = Duration.ofMinutes(1);

    /**
     * Creates the event that a pod begins.
     *
     * @param why it ended: how, and after a colon what may be said of this pod alone
     */
    static FailureEvent of(ObservedPod pod, PlannerInput input, String why, Instant now) {
        return new FailureEvent(generation(pod, input), why.replaceFirst("(?s): .*", ""), now, now, pod.name(), 1);
    }

    private static long generation(ObservedPod pod, PlannerInput input) {
        boolean member = input.world().rankOf(pod.uid()).isPresent();
        return pod.signals()
                .regroup()
                .map(regroup -> regroup.generation())
                .orElse(member ? input.world().generation() : 0L);
    }

    /**
     * Whether the event that a pod would begin is this one. A pod that entered no world belongs to it if it was created
     * before: one that was created later is another attempt.
     */
    boolean includes(FailureEvent other, Instant created) {
        boolean together = generation > 0 ? !other.first.isAfter(last.plus(TOGETHER)) : !created.isAfter(first);
        return generation == other.generation && how.equals(other.how) && together;
    }

    FailureEvent joinedAt(Instant now) {
        return new FailureEvent(generation, how, first, now, pod, pods + 1);
    }

    /** Names the pods, as an incident does. */
    String names() {
        return pods == 1 ? pod : pod + " and " + (pods - 1) + " more";
    }
}
