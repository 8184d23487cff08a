package io.swav.planner;

import io.swav.api.ReachReport;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Finds the members that keep a world from forming because they and others do not reach each other: another key, another
 * version, no route, a port that is blocked. {@link LargestCamp} chooses who continues. A pair of members counts as
 * broken if one of them reports, now, that for {@link #DEADLINE} none of its calls has reached the other. Without such
 * a report no member is put out. Members that are silent are dead in all likelihood, so they never outvote those that
 * report; one that {@link LastHolder} protects counts like those.
 */
final class UnreachableMembers {
    /**
     * How long calls have to fail. They begin one and a half seconds after a world has begun to form, so it is published
     * again without the unreachable member about 14 s after that.
     */
    static final Duration DEADLINE = Duration.ofSeconds(10);

    /**
     * How long a trainer of a version that calls no others has to wait for a member to which its last attempt failed.
     * It tries one member after the other, so it names the first one only.
     */
    static final Duration DEADLINE_WITHOUT_CALLS = Duration.ofSeconds(20);

    /** The number of trainers whose words are repeated. */
    private static final int WITNESSES = 3;

    /** What one member reports about another. */
    private record Accusation(ObservedPod witness, long seconds, String why) {}

    private final List<ObservedPod> members;
    private final Duration age;
    private final LastHolder lastHolder;

    private UnreachableMembers(List<ObservedPod> members, Duration age, LastHolder lastHolder) {
        this.members = members;
        this.age = age;
        this.lastHolder = lastHolder;
    }

    /**
     * Judges the members of the present world.
     *
     * @param out uids of pods that no longer count
     * @return verdicts by uid, in the order of ranks
     */
    static Map<String, Verdict> of(JobPolicy policy, PlannerInput input, Set<String> out, Instant now) {
        List<ObservedPod> members = input.members().stream()
                .filter(pod -> input.counts(pod) && !out.contains(pod.uid()))
                .toList();
        return new UnreachableMembers(members, input.worldAge(now), new LastHolder(input, policy.hungAfter()))
                .verdicts();
    }

    private Map<String, Verdict> verdicts() {
        List<BitSet> broken = broken();
        Map<String, Verdict> verdicts = new LinkedHashMap<>();
        if (broken.stream().allMatch(BitSet::isEmpty)) {
            return verdicts;
        }
        BitSet staying = staying(broken);
        for (int rank = 0; rank < members.size(); rank++) {
            if (!staying.get(rank)) {
                verdicts.put(members.get(rank).uid(), Verdict.unreachable(why(members.get(rank), staying)));
            }
        }
        return verdicts;
    }

    private BitSet staying(List<BitSet> broken) {
        BitSet silent = ranks(member -> member.signals().isSilent() && !lastHolder.mayOnlyBeCutOff(member));
        BitSet holders = ranks(member -> member.signals().holdsState());
        holders.andNot(silent);
        BitSet staying = LargestCamp.of(holders, without(silent, broken));
        staying.andNot(silent);
        silent.stream().filter(rank -> !broken.get(rank).intersects(staying)).forEach(staying::set);
        return staying;
    }

    /** Returns the graph in which these ranks have no broken pair. */
    private static List<BitSet> without(BitSet ranks, List<BitSet> broken) {
        List<BitSet> rest = new ArrayList<>();
        for (int rank = 0; rank < broken.size(); rank++) {
            BitSet pairs =
                    ranks.get(rank) ? new BitSet() : (BitSet) broken.get(rank).clone();
            pairs.andNot(ranks);
            rest.add(pairs);
        }
        return rest;
    }

    private BitSet ranks(Predicate<ObservedPod> which) {
        BitSet ranks = new BitSet();
        IntStream.range(0, members.size())
                .filter(rank -> which.test(members.get(rank)))
                .forEach(ranks::set);
        return ranks;
    }

    private List<BitSet> broken() {
        List<BitSet> broken = new ArrayList<>();
        members.forEach(member -> broken.add(new BitSet()));
        for (int one = 0; one < members.size(); one++) {
            for (int other = 0; other < members.size(); other++) {
                if (one != other
                        && accusation(members.get(one), members.get(other)).isPresent()) {
                    broken.get(one).set(other);
                    broken.get(other).set(one);
                }
            }
        }
        return broken;
    }

    /** Returns what a member reports about another that it does not reach; empty if it does not report that. */
    private Optional<Accusation> accusation(ObservedPod witness, ObservedPod accused) {
        LivenessSignals signals = witness.signals();
        if (!signals.isFresh()) {
            return Optional.empty();
        }
        return signals.reach().isPresent()
                ? failure(signals.reach().get(), accused.uid())
                        .filter(failure -> failure.seconds() >= DEADLINE.toSeconds())
                        .map(failure -> new Accusation(witness, (long) failure.seconds(), failure.why()))
                : waited(signals)
                        .filter(time ->
                                signals.lostPeer().filter(accused.uid()::equals).isPresent()
                                        && time.compareTo(DEADLINE_WITHOUT_CALLS) >= 0)
                        .map(time -> new Accusation(witness, time.toSeconds(), "could not connect to it"));
    }

    /** A trainer that was paused may have made its last step long before this world was published. */
    private Optional<Duration> waited(LivenessSignals signals) {
        return signals.awaiting()
                ? signals.stalled().map(stalled -> stalled.compareTo(age) < 0 ? stalled : age)
                : Optional.empty();
    }

    static Optional<ReachReport.Failure> failure(ReachReport reach, String uid) {
        return reach.failures().stream()
                .filter(failure -> failure.uid().equals(uid))
                .findFirst();
    }

    /** Repeats what those that stay report about it, or else what it reports about them. */
    private String why(ObservedPod member, BitSet staying) {
        List<ObservedPod> others = staying.stream().mapToObj(members::get).toList();
        List<Accusation> by = others.stream()
                .flatMap(other -> accusation(other, member).stream())
                .toList();
        String where = member.node().isEmpty() ? "unreachable: " : "unreachable on node " + member.node() + ": ";
        if (!by.isEmpty()) {
            return where
                    + words(by.stream()
                            .map(each -> each.witness().nameAndNode() + " has not reached it for " + each.seconds()
                                    + " s, " + each.why())
                            .toList());
        }
        return where
                + words(others.stream()
                        .flatMap(other -> accusation(member, other).stream()
                                .map(each -> "it has not reached " + other.nameAndNode() + " for " + each.seconds()
                                        + " s, " + each.why()))
                        .toList());
    }

    private static String words(List<String> all) {
        return all.stream().limit(WITNESSES).collect(Collectors.joining("; "))
                + (all.size() > WITNESSES ? "; and " + (all.size() - WITNESSES) + " more" : "");
    }
}
