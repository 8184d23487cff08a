package io.swav.planner;

import io.swav.api.World;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Ready;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The pods that can take part in training, as far as is known: those whose objects say that they are alive, without
 * those that {@link HangDetector} accuses or that left the world as lost or hung before.
 */
final class LiveMembers {
    private final JobPolicy policy;
    private final PlannerInput input;
    private final PlannerState state;
    private final Duration age;
    private final Map<String, ObservedPod> byUid = new HashMap<>();
    private final Map<String, HangDetector.Verdict> verdicts;

    LiveMembers(JobPolicy policy, PlannerInput input, PlannerState state, Instant now) {
        this.policy = policy;
        this.input = input;
        this.state = state;
        this.age = state.since() == null ? Duration.ZERO : Duration.between(state.since(), now);
        input.pods().forEach(pod -> byUid.put(pod.uid(), pod));
        this.verdicts = HangDetector.of(input.world(), age, byUid, policy.hungAfter());
    }

    boolean counts(ObservedPod pod) {
        return pod.isAlive() && !state.isOut(pod.uid()) && !verdicts.containsKey(pod.uid());
    }

    int alive() {
        return (int) input.pods().stream().filter(this::counts).count();
    }

    /** Returns the members of the world whose pods can continue, in the order of their ranks. */
    List<World.Member> present() {
        return input.world().members().stream()
                .filter(member -> pod(member).filter(this::counts).isPresent())
                .toList();
    }

    Stream<ObservedPod> presentPods() {
        return present().stream().map(this::pod).flatMap(Optional::stream);
    }

    /** Returns the Ready pods outside the world. */
    Stream<ObservedPod> newcomers() {
        return input.pods().stream()
                .filter(pod -> pod.state() instanceof Ready
                        && counts(pod)
                        && !pod.signals().isSilent()
                        && input.world().rankOf(pod.uid()).isEmpty());
    }

    /**
     * Returns the terminating pods that hold the training state. If no other trainer remains, they save it before they
     * exit.
     */
    List<ObservedPod> savers() {
        return input.pods().stream()
                .filter(pod -> pod.state() instanceof Terminating
                        && !state.isOut(pod.uid())
                        && pod.signals().isFresh()
                        && pod.signals().holdsState())
                .toList();
    }

    Optional<ObservedPod> pod(World.Member member) {
        return Optional.ofNullable(byUid.get(member.uid()));
    }

    Optional<HangDetector.Verdict> verdict(ObservedPod pod) {
        return Optional.ofNullable(verdicts.get(pod.uid()));
    }

    /** Returns the name of a member that may be hung, which is not yet certain. */
    Optional<String> suspect() {
        return HangDetector.suspect(input.world(), age, byUid, policy.hungAfter());
    }

    /** Whether a member that leaves the world still works with its peers until they switch to the next one. */
    boolean stillCooperates(World.Member member) {
        return pod(member)
                .filter(pod -> !(pod.state() instanceof Ended)
                        && verdict(pod).isEmpty()
                        && !pod.signals().isSilent())
                .isPresent();
    }

    static String names(List<World.Member> members) {
        return members.stream().map(World.Member::pod).collect(Collectors.joining(", "));
    }

    String whyGone(World.Member member) {
        Optional<ObservedPod> pod = pod(member);
        if (pod.isEmpty()) {
            return "vanished";
        }
        PodState podState = pod.get().state();
        return verdict(pod.get())
                .map(HangDetector.Verdict::why)
                .orElse(
                        podState instanceof Terminating terminating
                                ? terminating.why()
                                : podState instanceof Ended ended ? ended.why() : "done");
    }
}
