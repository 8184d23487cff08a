package io.swav.planner;

import io.swav.api.World;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Ready;
import io.swav.planner.PodState.Terminating;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The pods that can take part in training, as far as is known: those whose objects say that they are alive, without
 * those that left the world as lost, hung or unreachable, in this plan or before.
 */
final class LiveMembers {
    private final PlannerInput input;
    private final PlannerState.Pods known;
    private final Map<String, ObservedPod> byUid;
    private final Map<String, Verdict> verdicts;
    private final Agreement agreement;

    /**
     * Finds the live pods.
     *
     * @param state in which the verdicts have been recorded
     * @param verdicts on this input's pods, by uid
     */
    LiveMembers(PlannerInput input, PlannerState state, Map<String, Verdict> verdicts) {
        this.input = input;
        this.known = state.pods();
        this.byUid = input.podsByUid();
        this.verdicts = verdicts;
        this.agreement = Agreement.of(
                input.world(), input.pods().stream().filter(this::counts).toList(), new TreeMap<>());
    }

    Agreement agreement() {
        return agreement;
    }

    boolean counts(ObservedPod pod) {
        return pod.isAlive() && !known.isOut(pod.uid());
    }

    int alive() {
        return (int) input.pods().stream().filter(this::counts).count();
    }

    /** Returns the members of the world whose pods can continue together, in the order of their ranks. */
    List<World.Member> present() {
        return input.world().members().stream()
                .filter(member -> pod(member)
                        .filter(pod -> counts(pod) && agreement.admits(pod))
                        .isPresent())
                .toList();
    }

    Stream<ObservedPod> presentPods() {
        return present().stream().map(this::pod).flatMap(Optional::stream);
    }

    /** Returns the Ready pods outside the world that may enter it. */
    Stream<ObservedPod> newcomers() {
        return input.pods().stream()
                .filter(pod -> pod.state() instanceof Ready
                        && counts(pod)
                        && agreement.admits(pod)
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
                        && !known.isOut(pod.uid())
                        && pod.signals().isFresh()
                        && pod.signals().holdsState())
                .toList();
    }

    /** Whether a member that leaves the world still works with its peers until they switch to the next one. */
    boolean stillCooperates(World.Member member) {
        return pod(member)
                .filter(pod -> !(pod.state() instanceof Ended)
                        && !verdicts.containsKey(pod.uid())
                        && !pod.signals().isSilent())
                .isPresent();
    }

    String whyGone(World.Member member) {
        return pod(member).map(this::whyGone).orElse("vanished");
    }

    private String whyGone(ObservedPod pod) {
        Verdict verdict = verdicts.get(pod.uid());
        if (verdict != null) {
            return verdict.why();
        }
        if (pod.state() instanceof Terminating terminating) {
            boolean byRollout = input.state().pods().accounted().contains(pod.uid()) && Rollout.isOutdated(input, pod);
            return byRollout ? "replaced, because spec.template has changed" : terminating.why();
        }
        if (pod.isAlive() && !agreement.admits(pod)) {
            return agreement.difference(pod);
        }
        return pod.state() instanceof Ended ended ? ended.why() : "done";
    }

    static String names(List<World.Member> members) {
        return Names.of(members.stream().map(World.Member::pod).toList());
    }

    private Optional<ObservedPod> pod(World.Member member) {
        return Optional.ofNullable(byUid.get(member.uid()));
    }
}
