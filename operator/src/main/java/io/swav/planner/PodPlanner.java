package io.swav.planner;

import io.swav.api.World;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Ready;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Decides which pods of a job are created and which are deleted. */
final class PodPlanner {
    /** The number of ended pods that are kept for their logs. */
    static final int ENDED_KEPT = 10;

    /** Cluster autoscalers take minutes for a node, and Karpenter makes none for a pod that must keep off nodes. */
    static final Duration SHUT_OUT = Duration.ofMinutes(5);

    private final JobPolicy policy;
    private final PlannerInput input;
    private final LiveMembers liveMembers;
    private final int surge;
    private final Instant now;

    /** @param surge pods beyond the wanted ones that run while pods are replaced */
    PodPlanner(JobPolicy policy, PlannerInput input, LiveMembers liveMembers, int surge, Instant now) {
        this.policy = policy;
        this.input = input;
        this.liveMembers = liveMembers;
        this.surge = surge;
        this.now = now;
    }

    private int wanted() {
        return policy.target() + policy.spares() + surge;
    }

    String counts() {
        return "wanted pods: " + wanted()
                + (surge == 0 ? "" : " (one more while pods of an earlier template are replaced)") + ", existing: "
                + liveMembers.alive();
    }

    /** Returns the names of the pods to create now. */
    List<String> toCreate(PlannerState state) {
        long next = state.pods().next();
        int now = delayed(state).isPresent() ? 0 : Math.max(0, missing() - heldBack(state));
        return LongStream.range(next, next + now)
                .mapToObj(number -> input.job() + "-" + number)
                .toList();
    }

    /** Returns when pods that are missing can be created; empty if none is missing, or all can be created now. */
    Optional<Instant> createLater(PlannerState state) {
        if (missing() == 0) {
            return Optional.empty();
        }
        return delayed(state).or(() -> state.failures().nextReplacement(now));
    }

    /** Returns until when no pod at all is created. */
    private Optional<Instant> delayed(PlannerState state) {
        return Stream.of(Optional.ofNullable(state.backoff().retryAt()), Optional.ofNullable(input.rejectedUntil()))
                .flatMap(Optional::stream)
                .filter(now::isBefore)
                .max(Comparator.naturalOrder());
    }

    private int heldBack(PlannerState state) {
        return state.failures().heldBack(now);
    }

    /**
     * Returns the pods that no node takes for so long that the nodes they are kept off may be the reason: others are created
     * that only prefer other nodes.
     */
    List<ObservedPod> shutOut() {
        return input.pods().stream()
                .filter(pod -> isShutOut(pod) && !now.isBefore(pod.created().plus(SHUT_OUT)))
                .toList();
    }

    /** Returns when pods will have been shut out long enough. */
    Stream<Instant> shutOutLater() {
        return input.pods().stream()
                .filter(pod -> isShutOut(pod))
                .map(pod -> pod.created().plus(SHUT_OUT))
                .filter(now::isBefore);
    }

    private static boolean isShutOut(ObservedPod pod) {
        return pod.facts().placement().keptOff()
                && Hold.of(pod)
                        .filter(hold -> hold.reason().equals(Hold.UNSCHEDULABLE))
                        .isPresent();
    }

    private int missing() {
        return Math.max(0, wanted() - liveMembers.alive());
    }

    /**
     * Returns the pods beyond the wanted ones: those that are not Ready or may not enter the world first, then those whose
     * node may go, then the newest; never a member of the world.
     */
    List<ObservedPod> excess(List<World.Member> members) {
        Set<String> needed = members.stream().map(World.Member::uid).collect(Collectors.toSet());
        return input.pods().stream()
                .filter(pod -> liveMembers.counts(pod) && !needed.contains(pod.uid()))
                .sorted(Comparator.comparing((ObservedPod pod) -> pod.state() instanceof Ready
                                && liveMembers.agreement().admits(pod))
                        .thenComparing(pod -> !pod.hasHint())
                        .thenComparing(ObservedPod.BY_AGE.reversed()))
                .limit(Math.max(0, liveMembers.alive() - wanted()))
                .toList();
    }

    /** Returns the pods that their peers do not reach: they end as on notice. */
    List<ObservedPod> unreachable(PlannerState state) {
        return input.pods().stream()
                .filter(pod -> state.pods().unreachable().contains(pod.uid()) && pod.isAlive())
                .toList();
    }

    List<ObservedPod> lingering() {
        return input.pods().stream().filter(ObservedPod::lingers).toList();
    }

    List<ObservedPod> oldEnded() {
        return input.pods().stream()
                .filter(pod -> pod.state() instanceof Ended && pod.isDeletable())
                .sorted(ObservedPod.BY_AGE.reversed())
                .skip(ENDED_KEPT)
                .toList();
    }

    List<ObservedPod> running() {
        return input.pods().stream().filter(ObservedPod::isRunning).toList();
    }

    List<ObservedPod> notTerminating() {
        return input.pods().stream()
                .filter(pod -> !(pod.state() instanceof Terminating) && pod.isDeletable())
                .toList();
    }

    /**
     * Returns the pods that only the operator can remove: hung ones, and terminating ones on nodes that do not respond.
     */
    List<ObservedPod> toForceDelete(PlannerState state) {
        return input.pods().stream()
                .filter(pod -> !isForced(pod))
                .filter(pod -> overdue(pod)
                        .map(at -> !now.isBefore(at))
                        .orElse(state.pods().hung().contains(pod.uid()) && pod.isAlive()))
                .toList();
    }

    /** Returns when terminating pods will have to be force-deleted if they still exist. */
    Stream<Instant> forceDeleteLater() {
        return input.pods().stream()
                .filter(pod -> !isForced(pod))
                .flatMap(pod -> overdue(pod).stream())
                .filter(now::isBefore);
    }

    /** Whether only a finalizer keeps the pod, so that another deletion would change nothing. */
    private static boolean isForced(ObservedPod pod) {
        return pod.object().deletion() == PodObject.Deletion.FORCED;
    }

    private static Optional<Instant> overdue(ObservedPod pod) {
        return pod.state() instanceof Terminating terminating ? terminating.overdue() : Optional.empty();
    }
}
