package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.HangDetector.Verdict;
import io.swav.planner.PlannerState.Backoff;
import io.swav.planner.PlannerState.Pods;
import io.swav.planner.PodState.Cause;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Terminating;
import java.time.Instant;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Records in the planner state what has happened since the last plan: which pods left, failed or stopped responding,
 * what each change of the world has cost, and how the job ended.
 *
 * <p>Failures and hangs are counted apart from preemptions. A pod that had been in a world is replaced at once; a pod
 * that never entered one is replaced after a delay that doubles each time, until a new world has made a step. A
 * permanent failure ends the job, unless the job has already made a step.
 */
final class IncidentRecorder {
    private final PlannerInput input;
    private final Map<String, Verdict> verdicts;
    private final Instant now;

    private IncidentRecorder(PlannerInput input, Map<String, Verdict> verdicts, Instant now) {
        this.input = input;
        this.verdicts = verdicts;
        this.now = now;
    }

    /**
     * Records everything since the last plan; nothing for a job that has ended.
     * @param verdicts of {@link HangDetector}, by uid
     */
    static Recorded record(JobPolicy policy, PlannerInput input, Map<String, Verdict> verdicts, Instant now) {
        PlannerState state = input.state().with(podsKept(input));
        if (state.progress().end() != null) {
            return Recorded.nothingNew(state);
        }
        Recorded departures =
                Divergences.record(new IncidentRecorder(input, verdicts, now).departures(state), input, now);
        LiveMembers liveMembers = new LiveMembers(input, departures.state(), verdicts);
        Recorded settled = new GenerationCosts(input, now).settle(departures, liveMembers);
        return settled.with(JobEnding.decide(policy, input, liveMembers, settled.state(), now));
    }

    /**
     * Drops what was recorded about pods that neither exist nor are named by the world. A lost pod that reports again
     * is forgiven.
     */
    private static Pods podsKept(PlannerInput input) {
        Pods before = input.state().pods();
        Set<String> current = new HashSet<>();
        input.pods().forEach(pod -> current.add(pod.uid()));
        input.world().members().forEach(member -> current.add(member.uid()));
        Set<String> heard = input.pods().stream()
                .filter(pod -> before.lost().contains(pod.uid())
                        && pod.isAlive()
                        && pod.signals().isFresh())
                .map(ObservedPod::uid)
                .collect(Collectors.toSet());
        return before.keeping(current, heard);
    }

    /**
     * Counts once each pod that is terminating, has ended or has stopped responding since the last plan, and each
     * member that vanished.
     */
    private Recorded departures(PlannerState state) {
        Recorded recorded = Recorded.nothingNew(state);
        for (ObservedPod pod : input.pods()) {
            recorded = departure(recorded, pod);
        }
        Set<String> existing = input.pods().stream().map(ObservedPod::uid).collect(Collectors.toSet());
        for (World.Member member : input.world().members()) {
            if (!existing.contains(member.uid())) {
                recorded = incident(
                        recorded,
                        member.pod(),
                        member.uid(),
                        IncidentKind.Preemption,
                        "the pod vanished without notice");
            }
        }
        return recorded;
    }

    private Recorded departure(Recorded before, ObservedPod pod) {
        Verdict verdict = verdicts.get(pod.uid());
        if (verdict != null) {
            return unresponsive(before, pod, verdict);
        }
        if (pod.state() instanceof Terminating terminating) {
            return incident(before, pod.name(), pod.uid(), IncidentKind.Preemption, terminating.why());
        }
        return pod.state() instanceof Ended ended ? ended(before, pod, ended) : before;
    }

    private Recorded unresponsive(Recorded before, ObservedPod pod, Verdict verdict) {
        Pods pods = before.state().pods();
        Pods without = verdict.hung() ? pods.killing(pod.uid()) : pods.losing(pod.uid());
        return incident(
                before.with(before.state().with(without)),
                pod.name(),
                pod.uid(),
                verdict.hung() ? IncidentKind.Hang : IncidentKind.Preemption,
                verdict.why());
    }

    private Recorded ended(Recorded before, ObservedPod pod, Ended ended) {
        IncidentKind kind = ended.cause() == Cause.PREEMPTED ? IncidentKind.Preemption : IncidentKind.Failure;
        Recorded after = incident(before, pod.name(), pod.uid(), kind, ended.why());
        boolean counted = before.state().pods().accounted().contains(pod.uid());
        if (counted || !ended.cause().isPermanent() || hasTrained()) {
            return after;
        }
        PlannerState.End end = new PlannerState.End(
                false,
                ended.cause() == Cause.NO_DATA ? ConditionReason.NoData : ConditionReason.TrainerRefused,
                "Pod " + pod.name() + " failed permanently: " + ended.why(),
                now);
        return after.with(after.state().with(after.state().progress().ended(end)));
    }

    /**
     * Whether the job has made a step. If so, its configuration and data are good, and a permanent error concerns one
     * pod's node only.
     */
    private boolean hasTrained() {
        return input.state().account().pace() != null
                || input.pods().stream().anyMatch(pod -> pod.signals().trainedIn() > 0);
    }

    /** Records an incident, unless this pod was accounted for before. */
    private Recorded incident(Recorded before, String pod, String uid, IncidentKind kind, String why) {
        Pods pods = before.state().pods();
        if (pods.accounted().contains(uid)) {
            return before;
        }
        boolean member = input.world().rankOf(uid).isPresent();
        Backoff backoff = member ? Backoff.NONE : before.state().backoff().after(kind, now);
        return before.with(before.state().with(pods.accounting(uid)).with(backoff))
                .withIncident(new Incident(now.toString(), kind, pod, why, input.step(), null, null, null));
    }
}
