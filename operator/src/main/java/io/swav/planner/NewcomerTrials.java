package io.swav.planner;

import io.swav.api.NewcomerList;
import io.swav.api.ReachReport;
import io.swav.api.World;
import io.swav.planner.PlannerState.Trial;
import io.swav.planner.PodState.Ready;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Decides which newcomers may enter the world, by calls that its members and the newcomers make beforehand, beside
 * training: a newcomer enters when it has reached every member and every member has reached it. One that is not reached
 * costs no member a step; its pod is replaced after {@link UnreachableMembers#DEADLINE}.
 *
 * <p>A member that reports no result for {@link #LIMIT} does not keep newcomers out, nor does one of a version that makes
 * no calls. Then the forming deadline applies to the world with the newcomer, as it does to a world without survivors,
 * which newcomers enter untried: no member is there to lose a step.
 */
final class NewcomerTrials {
    /** How long results are waited for. */
    static final Duration LIMIT = Duration.ofSeconds(10);

    /** Whether a newcomer may enter. */
    sealed interface Admission {
        record Passed() implements Admission {}

        /** @param until when it may enter nevertheless */
        record Pending(String why, Instant until) implements Admission {}

        record Refused(String why) implements Admission {}
    }

    private final World world;
    private final List<ObservedPod> members;
    private final List<ObservedPod> newcomers;
    private final Map<String, Trial> known = new LinkedHashMap<>();
    private final Instant now;

    /** @param state with the trials of the last plan */
    NewcomerTrials(PlannerInput input, PlannerState state, LiveMembers liveMembers, Instant now) {
        this.world = input.world();
        this.members = liveMembers.presentPods().toList();
        this.newcomers = liveMembers
                .newcomers()
                .sorted(Comparator.comparing(ObservedPod::hasHint).thenComparing(ObservedPod.BY_AGE))
                .toList();
        state.pods().trials().forEach(trial -> known.put(trial.newcomer().uid(), trial));
        this.now = now;
    }

    /**
     * Returns the trials to be published: of all newcomers, if there is a member that calls them.
     *
     * @param entering newcomers that enter now
     */
    List<Trial> current(Collection<World.Member> entering) {
        boolean called = members.stream().anyMatch(NewcomerTrials::makesCalls);
        return called
                ? newcomers.stream()
                        .filter(pod -> !entering.contains(member(pod)))
                        .limit(NewcomerList.MOST)
                        .map(pod -> new Trial(member(pod), since(pod)))
                        .toList()
                : List.of();
    }

    /**
     * Returns the newcomers that enter a world with this number of free places: those whose node may go last, the oldest
     * first.
     */
    List<World.Member> entering(int places) {
        List<ObservedPod> entering = new ArrayList<>();
        for (ObservedPod newcomer : newcomers) {
            if (entering.size() < places && admission(newcomer, entering) instanceof Admission.Passed) {
                entering.add(newcomer);
            }
        }
        return entering.stream().map(NewcomerTrials::member).toList();
    }

    /** Describes the first newcomer that may not enter now; empty if there is none. */
    Optional<String> obstacle() {
        return newcomers.stream()
                .flatMap(newcomer -> {
                    Admission admission = admission(newcomer, List.of());
                    if (admission instanceof Admission.Refused refused) {
                        return Stream.of(newcomer.nameAndNode() + " is ready but may not enter: " + refused.why());
                    }
                    return admission instanceof Admission.Pending pending
                            ? Stream.of(newcomer.name() + " is ready and enters when " + pending.why() + ", or at "
                                    + pending.until())
                            : Stream.<String>of();
                })
                .findFirst();
    }

    /** Returns when newcomers may enter without further results. */
    List<Instant> replanTimes() {
        return newcomers.stream()
                .map(newcomer -> admission(newcomer, List.of()))
                .filter(Admission.Pending.class::isInstance)
                .map(pending -> ((Admission.Pending) pending).until())
                .toList();
    }

    /** @param entering other newcomers that enter the same world, and that it has to reach as well */
    private Admission admission(ObservedPod newcomer, Collection<ObservedPod> entering) {
        if (members.isEmpty()) {
            return new Admission.Passed();
        }
        List<ObservedPod> peers =
                Stream.concat(members.stream(), entering.stream()).toList();
        for (ObservedPod peer : peers) {
            Optional<String> refusal = refusal(newcomer, peer);
            if (refusal.isPresent()) {
                return new Admission.Refused(refusal.get());
            }
        }
        Instant until = since(newcomer).plus(LIMIT);
        return now.isBefore(until)
                ? missing(newcomer, peers)
                        .<Admission>map(why -> new Admission.Pending(why, until))
                        .orElseGet(Admission.Passed::new)
                : new Admission.Passed();
    }

    private static Optional<String> refusal(ObservedPod newcomer, ObservedPod peer) {
        return failure(peer, newcomer)
                .map(failure -> peer.nameAndNode() + " does not reach it " + failure.why())
                .or(() -> peer.signals().isSilent()
                        ? Optional.empty()
                        : failure(newcomer, peer)
                                .map(failure -> "it does not reach " + peer.nameAndNode() + " " + failure.why()));
    }

    /** Returns the failure that one trainer reports now about another. */
    private static Optional<ReachReport.Failure> failure(ObservedPod by, ObservedPod other) {
        return by.signals().isFresh()
                ? by.signals().reach().flatMap(reach -> UnreachableMembers.failure(reach, other.uid()))
                : Optional.empty();
    }

    /** Returns whose result is missing. */
    private Optional<String> missing(ObservedPod newcomer, List<ObservedPod> peers) {
        boolean stillCalls = newcomer.signals()
                .reach()
                .filter(reach -> reach.generation() != world.generation())
                .isPresent();
        if (stillCalls) {
            return Optional.of("it has called all members");
        }
        return peers.stream()
                .filter(peer -> peer.signals()
                        .reach()
                        .filter(reach -> !reach.newcomers().contains(newcomer.uid()))
                        .isPresent())
                .findFirst()
                .map(peer -> peer.name() + " has called it");
    }

    private Instant since(ObservedPod newcomer) {
        Trial trial = known.get(newcomer.uid());
        return trial != null && trial.newcomer().equals(member(newcomer)) ? trial.since() : now;
    }

    private static boolean makesCalls(ObservedPod pod) {
        return pod.signals().reach().isPresent();
    }

    private static World.Member member(ObservedPod newcomer) {
        return new World.Member(newcomer.name(), newcomer.uid(), ((Ready) newcomer.state()).address());
    }

    /**
     * Returns verdicts about newcomers that a member has not reached for {@link UnreachableMembers#DEADLINE}, or that
     * have not reached a member that reports. A pod that does not train with what the job does stays out and gets
     * none: its successor would be like it.
     *
     * @param out uids of pods that no longer count
     */
    static Map<String, Verdict> verdicts(PlannerInput input, Set<String> out) {
        List<ObservedPod> live = input.pods().stream()
                .filter(pod -> input.counts(pod) && !out.contains(pod.uid()))
                .toList();
        List<ObservedPod> members = input.members().stream()
                .filter(pod -> live.contains(pod) && pod.signals().isFresh())
                .toList();
        Agreement agreement = Agreement.of(input.world(), live, new TreeMap<>());
        Map<String, Verdict> verdicts = new LinkedHashMap<>();
        for (ObservedPod pod : live) {
            boolean newcomer = pod.state() instanceof Ready
                    && agreement.admits(pod)
                    && input.world().rankOf(pod.uid()).isEmpty();
            if (newcomer) {
                verdict(pod, members).ifPresent(verdict -> verdicts.put(pod.uid(), verdict));
            }
        }
        return verdicts;
    }

    private static Optional<Verdict> verdict(ObservedPod newcomer, List<ObservedPod> members) {
        String where = newcomer.node().isEmpty() ? "unreachable: " : "unreachable on node " + newcomer.node() + ": ";
        Stream<String> by = members.stream()
                .flatMap(member -> failure(member, newcomer).filter(NewcomerTrials::lasts).stream()
                        .map(failure -> member.nameAndNode() + " has not reached it for " + (long) failure.seconds()
                                + " s, " + failure.why()));
        Stream<String> of = members.stream()
                .flatMap(member -> failure(newcomer, member).filter(NewcomerTrials::lasts).stream()
                        .map(failure -> "it has not reached " + member.nameAndNode() + " for "
                                + (long) failure.seconds() + " s, " + failure.why()));
        return Stream.concat(by, of)
                .findFirst()
                .map(words -> Verdict.unreachable(where + words + ". It never entered the world, which trains on"));
    }

    private static boolean lasts(ReachReport.Failure failure) {
        return failure.seconds() >= UnreachableMembers.DEADLINE.toSeconds();
    }
}
