package io.swav.planner;

import io.swav.api.TrainerReport;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Finds members that do not respond although their pods look alive. Silence alone proves nothing, because during an
 * outage of the API server every trainer is silent: a verdict needs the testimony of another member that reported just
 * now. Such a witness is waiting for its peers or has lost its connection to one, so it is never accused itself, and at
 * least one member always remains. A member without peers has no witness; it gets twice the time, and {@link LastHolder}
 * has to rule out that it only cannot report.
 */
final class HangDetector {

    /**
     * A trainer counts as stalled only after this many of its own steps, because the length of a step differs from job
     * to job.
     */
    private static final int PATIENCE_STEPS = 4;

    /** Before the first step of a world, whose length is not yet known, the limit is multiplied by this. */
    private static final int FIRST_STEP_FACTOR = 10;

    private final Duration hungAfter;
    private final Duration age;
    private final LastHolder lastHolder;

    private HangDetector(Duration hungAfter, Duration age, LastHolder lastHolder) {
        this.hungAfter = hungAfter;
        this.age = age;
        this.lastHolder = lastHolder;
    }

    /** Judges all members of the present world; returns verdicts by uid, in the order of ranks. */
    static Map<String, Verdict> of(JobPolicy policy, PlannerInput input, Instant now) {
        return of(input, input.worldAge(now), policy.hungAfter());
    }

    /**
     * Judges all members of a world.
     * @param age of the world: no member has waited in it for longer, whenever its last step was
     * @return verdicts by uid, in the order of ranks
     */
    static Map<String, Verdict> of(PlannerInput input, Duration age, Duration hungAfter) {
        HangDetector detector = new HangDetector(hungAfter, age, new LastHolder(input, hungAfter));
        List<ObservedPod> members = input.members();
        Map<String, Verdict> verdicts = new LinkedHashMap<>();
        for (ObservedPod member : members) {
            List<ObservedPod> witnesses = new ArrayList<>(members);
            witnesses.remove(member);
            Optional<Verdict> verdict =
                    witnesses.isEmpty() ? detector.judgeAlone(member) : detector.judgeByPeers(member, witnesses);
            verdict.ifPresent(v -> verdicts.put(member.uid(), v));
        }
        return verdicts;
    }

    /**
     * Returns the name of a member for which a peer has already waited half of {@code hungAfter}, if any. A change of
     * the world would restart its clock.
     */
    static Optional<String> suspect(JobPolicy policy, PlannerInput input, Instant now) {
        if (input.world().size() < 2) {
            return Optional.empty();
        }
        Map<String, ObservedPod> pods = input.podsByUid();
        Duration half = policy.hungAfter().dividedBy(2);
        return of(input, input.worldAge(now), half).entrySet().stream()
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
                    && peer.signals().lostPeer().filter(member.uid()::equals).isPresent()
                    && !lastHolder.mayOnlyBeCutOff(member)) {
                return Optional.of(new Verdict(
                        false,
                        "not responding to its peers: " + peer.name() + " lost its connection, and "
                                + silence(signals)));
            }
        }
        for (ObservedPod peer : peers) {
            boolean waits = peer.signals().isFresh()
                    && peer.signals().awaiting()
                    && stalled(peer.signals()).compareTo(hungAfter) > 0;
            if (waits && (isSilentLongEnough(member) || isStalled(signals) || hasNotEntered(signals))) {
                return Optional.of(new Verdict(
                        true,
                        "hung: " + peer.name() + " has waited for it for "
                                + stalled(peer.signals()).toSeconds() + " s, and "
                                + (signals.isSilent() ? silence(signals) : "it completes no step")));
            }
        }
        return Optional.empty();
    }

    private boolean isSilentLongEnough(ObservedPod member) {
        return member.signals().silentFor(hungAfter) && !lastHolder.mayOnlyBeCutOff(member);
    }

    private Optional<Verdict> judgeAlone(ObservedPod member) {
        LivenessSignals signals = member.signals();
        if (signals.silentFor(hungAfter.multipliedBy(2)) && !lastHolder.mayOnlyBeCutOff(member)) {
            return Optional.of(new Verdict(true, "hung: " + silence(signals)));
        }
        if (signals.isFresh() && isStalled(signals)) {
            return Optional.of(new Verdict(
                    true, "hung: no step completed for " + stalled(signals).toSeconds() + " s"));
        }
        return Optional.empty();
    }

    /** Whether a trainer that has never been in a world that formed does not enter this one, although it reports. */
    private boolean hasNotEntered(LivenessSignals signals) {
        return signals.isFresh()
                && !signals.awaiting()
                && !signals.holdsState()
                && signals.stalled().isEmpty()
                && age.compareTo(hungAfter) > 0;
    }

    private boolean isStalled(LivenessSignals signals) {
        return !signals.awaiting() && stalled(signals).compareTo(stallLimit(signals)) > 0;
    }

    /** After a pause the last step is long ago through no fault of the member, so only time in this world counts. */
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
                ? "it has never reported"
                : "it has not reported for " + signals.silence().toSeconds() + " s";
    }
}
