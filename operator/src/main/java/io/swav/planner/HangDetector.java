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
    private static final int STEPS_OF_PATIENCE = 4;

    /** Before the first step of a world, whose length is not known, the limit counts so many times. */
    private static final int FIRST_STEP = 10;

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
        HangDetector call = new HangDetector(hungAfter, age);
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
                    witnesses.isEmpty() ? call.alone(member.signs()) : call.heard(member, witnesses);
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

    private Optional<Verdict> heard(ObservedPod member, List<ObservedPod> peers) {
        LivenessSignals signs = member.signs();
        for (ObservedPod peer : peers) {
            if (peer.signs().isFresh()
                    && signs.isSilent()
                    && peer.signs().lostPeer().filter(member.uid()::equals).isPresent()) {
                return Optional.of(new Verdict(
                        false, "it does not answer its peers: " + peer.name() + " lost it, and " + silence(signs)));
            }
        }
        for (ObservedPod peer : peers) {
            boolean waits = peer.signs().isFresh()
                    && peer.signs().awaiting()
                    && stalled(peer.signs()).compareTo(hungAfter) > 0;
            if (waits && (signs.silentFor(hungAfter) || isStalled(signs))) {
                return Optional.of(new Verdict(
                        true,
                        "it hangs: " + peer.name() + " has waited for it for "
                                + stalled(peer.signs()).toSeconds() + " s, and "
                                + (signs.isSilent() ? silence(signs) : "it finishes no step")));
            }
        }
        return Optional.empty();
    }

    private Optional<Verdict> alone(LivenessSignals signs) {
        if (signs.silentFor(hungAfter.multipliedBy(2))) {
            return Optional.of(new Verdict(true, "it hangs: " + silence(signs)));
        }
        if (signs.isFresh() && isStalled(signs)) {
            return Optional.of(new Verdict(
                    true, "it hangs: no step was finished for " + stalled(signs).toSeconds() + " s"));
        }
        return Optional.empty();
    }

    private boolean isStalled(LivenessSignals signs) {
        return !signs.awaiting() && stalled(signs).compareTo(patience(signs)) > 0;
    }

    /** After a hold the last step is long ago, and nobody is to blame: only time in this world counts. */
    private Duration stalled(LivenessSignals signs) {
        Duration own = signs.stalled().orElse(Duration.ZERO);
        return own.compareTo(age) < 0 ? own : age;
    }

    private Duration patience(LivenessSignals signs) {
        Optional<TrainerReport.Regroup> steps = signs.regroup().filter(regroup -> regroup.keptSteps() > 0);
        if (steps.isEmpty()) {
            return hungAfter.multipliedBy(FIRST_STEP);
        }
        double seconds = steps.get().keptSeconds() / steps.get().keptSteps();
        Duration several = Duration.ofMillis(Math.round(1000 * seconds * STEPS_OF_PATIENCE));
        return several.compareTo(hungAfter) > 0 ? several : hungAfter;
    }

    private static String silence(LivenessSignals signs) {
        return signs.silence() == null
                ? "it never reported"
                : "it has not reported for " + signs.silence().toSeconds() + " s";
    }
}
