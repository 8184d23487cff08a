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
 * Which pods can do their part, as far as anybody knows: those whose objects say that they are alive, without those that
 * do not answer the roll call or were put out before.
 */
final class LiveMembers {
    private final JobPolicy bounds;
    private final PlannerInput seen;
    private final PlannerState book;
    private final Duration age;
    private final Map<String, ObservedPod> byUid = new HashMap<>();
    private final Map<String, HangDetector.Verdict> verdicts;

    LiveMembers(JobPolicy bounds, PlannerInput seen, PlannerState book, Instant now) {
        this.bounds = bounds;
        this.seen = seen;
        this.book = book;
        this.age = book.since() == null ? Duration.ZERO : Duration.between(book.since(), now);
        seen.pods().forEach(pod -> byUid.put(pod.uid(), pod));
        this.verdicts = HangDetector.of(seen.world(), age, byUid, bounds.hungAfter());
    }

    boolean counts(ObservedPod pod) {
        return pod.isAlive() && !book.isOut(pod.uid()) && !verdicts.containsKey(pod.uid());
    }

    int alive() {
        return (int) seen.pods().stream().filter(this::counts).count();
    }

    /** Members of the world whose pod can go on, in the order of their ranks. */
    List<World.Member> present() {
        return seen.world().members().stream()
                .filter(member -> pod(member).filter(this::counts).isPresent())
                .toList();
    }

    Stream<ObservedPod> presentPods() {
        return present().stream().map(this::pod).flatMap(Optional::stream);
    }

    /** Ready pods outside the world. */
    Stream<ObservedPod> newcomers() {
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Ready
                        && counts(pod)
                        && !pod.signs().isSilent()
                        && seen.world().rankOf(pod.uid()).isEmpty());
    }

    /** Leaving pods that hold the state; where nobody stays, they save it before they end. */
    List<ObservedPod> savers() {
        return seen.pods().stream()
                .filter(pod -> pod.standing() instanceof Terminating
                        && !book.isOut(pod.uid())
                        && pod.signs().isFresh()
                        && pod.signs().holdsState())
                .toList();
    }

    Optional<ObservedPod> pod(World.Member member) {
        return Optional.ofNullable(byUid.get(member.uid()));
    }

    Optional<HangDetector.Verdict> verdict(ObservedPod pod) {
        return Optional.ofNullable(verdicts.get(pod.uid()));
    }

    /** Name of a member of which it is not yet known whether it hangs. */
    Optional<String> suspect() {
        return HangDetector.suspect(seen.world(), age, byUid, bounds.hungAfter());
    }

    /** Whether a member that is out of the world still works with its peers until they switch. */
    boolean canSpeak(World.Member member) {
        return pod(member)
                .filter(pod -> !(pod.standing() instanceof Ended)
                        && verdict(pod).isEmpty()
                        && !pod.signs().isSilent())
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
        PodState standing = pod.get().standing();
        return verdict(pod.get())
                .map(HangDetector.Verdict::why)
                .orElse(
                        standing instanceof Terminating leaving
                                ? leaving.why()
                                : standing instanceof Ended dead ? dead.why() : "done");
    }
}
