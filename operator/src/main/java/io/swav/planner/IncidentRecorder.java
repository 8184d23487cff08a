package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.planner.PlannerState.Backoff;
import io.swav.planner.PlannerState.Pods;
import io.swav.planner.PodState.Cause;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Failing;
import io.swav.planner.PodState.Terminating;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Records in the planner state what has happened since the last plan: which pods left, failed or stopped responding,
 * what each change of the world has cost, and how the job ended.
 *
 * <p>Failures and hangs are counted apart from preemptions. Pods that fail together are one failure ({@link
 * FailureEvent}): one fault often ends all pods of a world. A pod that had been in a world is replaced at once, unless
 * its predecessors failed too ({@link Failures}); a pod that never entered one, or that its peers do not reach, is
 * replaced after a delay that doubles each time, until a new world has made a step. A permanent failure ends the job,
 * unless the job has already made a step. A failure blames the node on which it stayed ({@link NodeFailures}).
 *
 * <p>A notice may be withdrawn: then the pod has not left, and is not counted. A pod that had notice and then turns out to
 * have been evicted for what it used is a failure instead of a preemption.
 */
final class IncidentRecorder {
    private final JobPolicy policy;
    private final PlannerInput input;
    private final Map<String, Verdict> verdicts;
    private final Instant now;

    private IncidentRecorder(JobPolicy policy, PlannerInput input, Map<String, Verdict> verdicts, Instant now) {
        this.policy = policy;
        this.input = input;
        this.verdicts = verdicts;
        this.now = now;
    }

    /**
     * Records everything since the last plan; nothing for a job that has ended.
     * @param verdicts on pods that look alive, by uid
     */
    static Recorded record(JobPolicy policy, PlannerInput input, Map<String, Verdict> verdicts, Instant now) {
        PlannerState state = input.state()
                .with(podsKept(input))
                .with(input.state().nodes().since(policy.avoidance(), now))
                .with(input.state().progress().clocked(policy.mayRun(), now));
        if (state.progress().end() != null) {
            return Recorded.nothingNew(state);
        }
        IncidentRecorder recorder = new IncidentRecorder(policy, input, verdicts, now);
        PlannerState kept = recorder.withdrawnNotices(state);
        Recorded departures = Divergences.record(recorder.departures(recorder.notFiniteSteps(kept)), input, now);
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
     * A pod that had notice and is alive without it does not leave; its departure, if it comes, is another one. One whose
     * trainer is ending has not been spared.
     */
    private PlannerState withdrawnNotices(PlannerState before) {
        PlannerState state = before;
        for (ObservedPod pod : input.pods()) {
            boolean stays = pod.isAlive() && !(pod.state() instanceof Failing);
            if (stays && state.pods().noticed().contains(pod.uid())) {
                state = state.with(state.pods().staying(pod.uid()))
                        .with(state.account().withdrawn(pod.name()));
            }
        }
        return state;
    }

    /** Records a step that was not finite; its trainers train on, so no world follows from it. */
    private Recorded notFiniteSteps(PlannerState state) {
        Recorded before = Recorded.nothingNew(state);
        TrainerReport.NotFinite reported = input.notFinite();
        if (reported == null || state.failures().unseen(reported) == 0) {
            return before;
        }
        Long from = reported.resumedFrom();
        long steps = from == null ? 0 : Math.max(0, reported.step() - from);
        Incident incident = new Incident(
                now.toString(),
                IncidentKind.NotFinite,
                reported.pod(),
                reported.what(),
                reported.step(),
                null,
                steps,
                state.account().secondsOf(1 + steps).orElse(null)); // the step itself was computed twice
        return before.with(state.with(state.failures().with(reported))).withCost(incident);
    }

    /**
     * Counts once each pod that is terminating, has ended or has stopped responding since the last plan, and each
     * member that vanished.
     */
    private Recorded departures(Recorded before) {
        Recorded recorded = before;
        List<ObservedPod> unreachable =
                input.pods().stream().filter(this::isUnreachable).toList();
        for (ObservedPod pod : input.pods()) {
            recorded = unreachable.contains(pod) ? recorded : departure(recorded, pod);
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
        return unreachable(recorded, unreachable); // last: other departures of members end a delay, theirs begins one
    }

    /** Pods that their peers do not reach at one time are one event, so the delay doubles once. */
    private Recorded unreachable(Recorded before, List<ObservedPod> pods) {
        Backoff earlier = before.state().backoff();
        Recorded recorded = before;
        for (ObservedPod pod : pods) {
            recorded = departure(recorded, pod);
        }
        return recorded.state().backoff().equals(earlier)
                ? recorded
                : recorded.with(recorded.state().with(earlier.after(IncidentKind.Unreachable, now)));
    }

    private boolean isUnreachable(ObservedPod pod) {
        Verdict verdict = verdicts.get(pod.uid());
        return verdict != null && verdict.fate() == Verdict.Fate.UNREACHABLE;
    }

    private Recorded departure(Recorded before, ObservedPod pod) {
        Verdict verdict = verdicts.get(pod.uid());
        if (verdict != null) {
            return unresponsive(before, pod, verdict);
        }
        if (pod.state() instanceof Terminating terminating) {
            Recorded after = incident(before, pod.name(), pod.uid(), IncidentKind.Preemption, terminating.why());
            boolean counted = before.state().pods().accounted().contains(pod.uid());
            return counted || pod.signals().isSilent() // then it is lost, whatever becomes of it
                    ? after
                    : after.with(after.state().with(after.state().pods().noticing(pod.uid())));
        }
        return pod.state() instanceof Ended ended ? ended(before, pod, ended) : before;
    }

    private Recorded unresponsive(Recorded before, ObservedPod pod, Verdict verdict) {
        Pods without = before.state().pods().excluding(pod.uid(), verdict.fate());
        Recorded out = before.with(before.state().with(without));
        return switch (verdict.fate()) {
            case LOST -> incident(out, pod.name(), pod.uid(), IncidentKind.Preemption, verdict.why());
            case HUNG -> failure(out, pod, IncidentKind.Hang, verdict.why());
            case FAULTY -> failure(out, pod, IncidentKind.Failure, verdict.why());
            case UNREACHABLE -> incident(out, pod.name(), pod.uid(), IncidentKind.Unreachable, verdict.why());
        };
    }

    private Recorded ended(Recorded before, ObservedPod pod, Ended ended) {
        if (ended.cause() == Cause.OVERUSED && before.state().pods().noticed().contains(pod.uid())) {
            return notPreempted(before, pod, ended.why());
        }
        Recorded after = ended.cause() == Cause.PREEMPTED
                ? incident(before, pod.name(), pod.uid(), IncidentKind.Preemption, ended.why())
                : failure(before, pod, IncidentKind.Failure, ended.why());
        boolean counted = before.state().pods().accounted().contains(pod.uid());
        if (counted || after.state().progress().end() != null) {
            return after;
        }
        if (ended.cause() == Cause.NOT_FINITE) {
            return ended(after, ConditionReason.NotFinite, "Training failed, " + ended.why());
        }
        return !ended.cause().isPermanent() || hasTrained()
                ? after
                : ended(
                        after,
                        ended.cause() == Cause.NO_DATA ? ConditionReason.NoData : ConditionReason.TrainerRefused,
                        "Pod " + pod.name() + " failed permanently: " + ended.why());
    }

    private Recorded ended(Recorded after, ConditionReason reason, String message) {
        PlannerState.End end = new PlannerState.End(false, reason, message, now);
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

    /**
     * Records a failure, unless this pod was accounted for before: a new one, or one that others began.
     *
     * @param why how the pod ended, see {@link FailureEvent#of}
     */
    private Recorded failure(Recorded before, ObservedPod pod, IncidentKind kind, String why) {
        Pods pods = before.state().pods();
        if (pods.accounted().contains(pod.uid())) {
            return before;
        }
        if (Rollout.isTrial(input, pod)) { // it says nothing about the pods that train
            return incident(before, pod.name(), pod.uid(), kind, why);
        }
        Failures failures = before.state().failures();
        FailureEvent begun = FailureEvent.of(pod, why, now);
        Optional<FailureEvent> joined = failures.eventOf(begun, pod.created());
        NodeFailures nodes = before.state().nodes();
        if (joined.isEmpty()) {
            PlannerState state = before.state()
                    .with(failures.with(begun, pod.created()))
                    .with(blamesNode(pod) ? nodes.with(blame(pod, why)) : nodes);
            return incident(before.with(state), pod.name(), pod.uid(), kind, why);
        }
        FailureEvent event = joined.get();
        FailureEvent more = event.joinedAt(now);
        PlannerState state = before.state()
                .with(pods.accounting(pod.uid()))
                .with(failures.replacing(event, more))
                .with(nodes.joined(more, pod.node()));
        return before.state().account().incidents().stream()
                .filter(incident -> incident.kind() == kind
                        && incident.time().equals(event.first().toString())
                        && incident.pod().equals(event.names()))
                .findFirst()
                .map(incident ->
                        before.with(state).replacing(incident, incident.withPod(more.names()), isMember(pod.uid())))
                .orElseGet(() -> before.with(state).recalling(incident(event, more, kind, why), isMember(pod.uid())));
    }

    /** Counts a pod as a failure that was taken for preempted, because it had notice before it ended. */
    private Recorded notPreempted(Recorded before, ObservedPod pod, String why) {
        PlannerState state = before.state();
        FailureEvent begun = FailureEvent.of(pod, why, now);
        Failures failures = state.failures()
                .eventOf(begun, pod.created())
                .map(event -> state.failures().replacing(event, event.joinedAt(now)))
                .orElseGet(() -> state.failures().with(begun, pod.created()));
        Incident incident =
                new Incident(now.toString(), IncidentKind.Failure, pod.name(), why, input.step(), null, null, null);
        return before.with(state.with(state.pods().withoutNotice(pod.uid()))
                        .with(state.account().withoutPreemption(pod.name()))
                        .with(failures))
                .withIncident(incident, false);
    }

    /** Returns the incident of an event anew: others have displaced it from the ledger. */
    private Incident incident(FailureEvent event, FailureEvent more, IncidentKind kind, String why) {
        return new Incident(event.first().toString(), kind, more.names(), why, input.step(), null, null, null);
    }

    private static boolean blamesNode(ObservedPod pod) {
        boolean overused = pod.state() instanceof Ended ended && ended.cause() == Cause.OVERUSED;
        return !overused && !pod.node().isEmpty();
    }

    private NodeFailures.Blame blame(ObservedPod pod, String why) {
        int together = isMember(pod.uid()) ? input.world().size() : policy.target();
        return new NodeFailures.Blame(pod.node(), now, pod.name(), why, together);
    }

    private boolean isMember(String uid) {
        return input.world().rankOf(uid).isPresent();
    }

    /** Records an incident, unless this pod was accounted for before. */
    private Recorded incident(Recorded before, String pod, String uid, IncidentKind kind, String why) {
        Pods pods = before.state().pods();
        if (pods.accounted().contains(uid)) {
            return before;
        }
        boolean member = isMember(uid);
        boolean atOnce = member && kind != IncidentKind.Unreachable;
        Backoff backoff = atOnce ? Backoff.NONE : before.state().backoff().after(kind, now);
        return before.with(before.state().with(pods.accounting(uid)).with(backoff))
                .withIncident(new Incident(now.toString(), kind, pod, why, input.step(), null, null, null), member);
    }
}
