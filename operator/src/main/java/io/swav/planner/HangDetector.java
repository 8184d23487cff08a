package io.swav.planner;

import io.swav.api.TrainerReport;
import io.swav.api.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which members do not answer although their pods look alive. Silence alone proves nothing, because an API server that
 * is away silences everybody: it takes the word of another member that was heard just now. Such a witness waits for its
 * peers or has lost its connection, so it is never accused itself, and somebody is always left. A member without peers
 * has no witness; it gets twice the time.
 */
final class HangDetector {

    /** Steps take as long as they take: a stall is one only when it is longer than so many of the trainer's own. */
    private static final int PATIENCE_STEPS = 4;

    /** Before the first step of a world, whose length is not known, the limit counts so many times. */
    private static final int FIRST_STEP_FACTOR = 10;

    /**
     * @param hung to be killed; otherwise it is only put out of the world, and may come back
     * @param why without the pod's name
     */
    record Verdict(boolean hung, String why) {}

    private final Duration hungAfter;
    private final Duration age;

    private HangDetector(Duration hungAfter, Duration age) {
        this.hungAfter = hungAfter;
        this.age = age;
    }

    /**
     * @param age of the world: nobody has waited in it for longer, whenever the last step was
     * @param pods those whose objects say that they are alive, by uid
     * @return verdicts by uid, in the order of ranks
     */
    static Map<String, Verdict> of(World world, Duration age, Map<String, ObservedPod> pods, Duration hungAfter) {
        HangDetector detector = new HangDetector(hungAfter, age);
        List<ObservedPod> members = world.members().stream()
                .map(member -> Optional.ofNullable(pods.get(member.uid())))
                .flatMap(Optional::stream)
                .filter(ObservedPod::isAlive)
                .toList();
        Map<String, Verdict> verdicts = new LinkedHashMap<>();
        for (ObservedPod member : members) {
            List<ObservedPod> witnesses = new ArrayList<>(members);
            witnesses.remove(member);
            Optional<Verdict> verdict =
                    witnesses.isEmpty() ? detector.judgeAlone(member.signals()) : detector.judgeByPeers(member, witnesses);
            verdict.ifPresent(v -> verdicts.put(member.uid(), v));
        }
        return verdicts;
    }

    /**
     * Name of a member that a peer has waited for half the time already, if there is one. A change of the world would
     * begin its time anew.
     */
    static Optional<String> suspect(World world, Duration age, Map<String, ObservedPod> pods, Duration hungAfter) {
        if (world.size() < 2) {
            return Optional.empty();
        }
        return of(world, age, pods, hungAfter.dividedBy(2)).entrySet().stream()
                .filter(entry -> entry.getValue().hung())
                .flatMap(entry -> Optional.ofNullable(pods.get(entry.getKey())).stream())
                .map(ObservedPod::name)
                .findFirst();
    }

    private Optional<Verdict> judgeByPeers(ObservedPod member, List<ObservedPod> peers) {
        LivenessSignals signals = member.signals();
        for (ObservedPod peer : peers) {
            if (peer.signals().isFresh()
                    && signals.isSilent()
                    && peer.signals().lostPeer().filter(member.uid()::equals).isPresent()) {
                return Optional.of(new Verdict(
                        false, "it does not answer its peers: " + peer.name() + " lost it, and " + silence(signals)));
            }
        }
        for (ObservedPod peer : peers) {
            boolean waits = peer.signals().isFresh()
                    && peer.signals().awaiting()
                    && stalled(peer.signals()).compareTo(hungAfter) > 0;
            if (waits && (signals.silentFor(hungAfter) || isStalled(signals))) {
                return Optional.of(new Verdict(
                        true,
                        "it hangs: " + peer.name() + " has waited for it for "
                                + stalled(peer.signals()).toSeconds() + " s, and "
                                + (signals.isSilent() ? silence(signals) : "it finishes no step")));
            }
        }
        return Optional.empty();
    }

    private Optional<Verdict> judgeAlone(LivenessSignals signals) {
        if (signals.silentFor(hungAfter.multipliedBy(2))) {
            return Optional.of(new Verdict(true, "it hangs: " + silence(signals)));
        }
        if (signals.isFresh() && isStalled(signals)) {
            return Optional.of(new Verdict(
                    true, "it hangs: no step was finished for " + stalled(signals).toSeconds() + " s"));
        }
        return Optional.empty();
    }

    private boolean isStalled(LivenessSignals signals) {
        return !signals.awaiting() && stalled(signals).compareTo(stallLimit(signals)) > 0;
    }

    /** After a hold the last step is long ago, and nobody is to blame: only time in this world counts. */
    private Duration stalled(LivenessSignals signals) {
        Duration own = signals.stalled().orElse(Duration.ZERO);
        return own.compareTo(age) < 0 ? own : age;
    }

    private Duration stallLimit(LivenessSignals signals) {
        Optional<TrainerReport.Regroup> steps = signals.regroup().filter(regroup -> regroup.keptSteps() > 0);
        if (steps.isEmpty()) {
            return hungAfter.multipliedBy(FIRST_STEP_FACTOR);
        }
        double seconds = steps.get().keptSeconds() / steps.get().keptSteps();
        Duration several = Duration.ofMillis(Math.round(1000 * seconds * PATIENCE_STEPS));
        return several.compareTo(hungAfter) > 0 ? several : hungAfter;
    }

    private static String silence(LivenessSignals signals) {
        return signals.silence() == null
                ? "it never reported"
                : "it has not reported for " + signals.silence().toSeconds() + " s";
    }
}
