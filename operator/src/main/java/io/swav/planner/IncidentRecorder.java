package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.World;
import io.swav.planner.PodState.Cause;
import io.swav.planner.PodState.Done;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Records in the planner state what has happened since the last plan: which pods left, failed, stopped responding or
 * finished, what each change of the world has cost, and how the job ended.
 *
 * <p>Failures and hangs are counted apart from preemptions. A pod that had been in a world is replaced at once; a pod
 * that never entered one is replaced after a delay that doubles each time, until a new world has made a step. A
 * permanent failure ends the job, unless the job has already made a step.
 */
final class IncidentRecorder {
    static final Duration FIRST_BACKOFF = Duration.ofSeconds(1);
    static final Duration LONGEST_BACKOFF = Duration.ofMinutes(5);
    /**
     * The longest delay after preemptions. A delay is needed because pods would pile up if each new one were evicted as
     * soon as it was scheduled.
     */
    static final Duration LONGEST_BACKOFF_UNBLAMED = Duration.ofSeconds(30);
    /** How long the other trainers may take to exit after the first has finished. */
    static final Duration FINISH = Duration.ofMinutes(2);

    private final JobPolicy policy;
    private final PlannerInput input;
    private final Instant now;
    private final LiveMembers liveMembers;
    private final List<Incident> newIncidents = new ArrayList<>();
    private final List<String> resumeMessages = new ArrayList<>();
    private PlannerState state;

    private IncidentRecorder(JobPolicy policy, PlannerInput input, Instant now) {
        this.policy = policy;
        this.input = input;
        this.now = now;
        this.state = withoutGonePods(input);
        this.liveMembers = new LiveMembers(policy, input, state, now);
    }

    /** Creates a recorder that has recorded everything since the last plan. */
    static IncidentRecorder of(JobPolicy policy, PlannerInput input, Instant now) {
        IncidentRecorder recorder = new IncidentRecorder(policy, input, now);
        if (recorder.state.end() == null) {
            recorder.recordDepartures();
            recorder.settleGenerations(false);
            recorder.decideEnd();
        }
        return recorder;
    }

    PlannerState state() {
        return state;
    }

    LiveMembers liveMembers() {
        return liveMembers;
    }

    /** Returns the incidents recorded in this plan. */
    List<Incident> newIncidents() {
        return newIncidents;
    }

    /** Returns a sentence for every change of the world whose cost was settled in this plan. */
    List<String> resumeMessages() {
        return resumeMessages;
    }

    /** Marks pods as accounted for, because the operator itself removes them. */
    void released(List<ObservedPod> pods) {
        pods.forEach(pod -> state = state.accounting(pod.uid()));
    }

    void reserveNumbersBelow(long nextPod) {
        state = state.withNextPod(nextPod);
    }

    /**
     * Drops what was recorded about pods that neither exist nor are named by the world. A lost pod that reports again
     * is forgiven.
     */
    private static PlannerState withoutGonePods(PlannerInput input) {
        PlannerState before = input.state();
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
    private void recordDepartures() {
        for (ObservedPod pod : input.pods()) {
            HangDetector.Verdict verdict = liveMembers.verdict(pod).orElse(null);
            if (verdict != null) {
                state = verdict.hung() ? state.killing(pod.uid()) : state.losing(pod.uid());
                incident(
                        pod.name(),
                        pod.uid(),
                        verdict.hung() ? IncidentKind.Hang : IncidentKind.Preemption,
                        verdict.why());
            } else if (pod.state() instanceof Terminating terminating) {
                incident(pod.name(), pod.uid(), IncidentKind.Preemption, terminating.why());
            } else if (pod.state() instanceof Ended ended) {
                boolean failure = ended.cause() != Cause.PREEMPTED;
                boolean first = incident(
                        pod.name(), pod.uid(), failure ? IncidentKind.Failure : IncidentKind.Preemption, ended.why());
                if (first && ended.cause().isPermanent() && !hasTrained()) {
                    String reason = ended.cause() == Cause.NO_DATA
                            ? PlannerState.End.NO_DATA
                            : ConditionReason.TrainerRefused.name();
                    String message = "Pod " + pod.name() + " failed permanently: " + ended.why();
                    state = state.ended(new PlannerState.End(false, reason, message, now));
                }
            }
        }
        for (World.Member member : input.world().members()) {
            if (liveMembers.pod(member).isEmpty()) {
                incident(member.pod(), member.uid(), IncidentKind.Preemption, "the pod vanished without notice");
            }
        }
    }

    /**
     * Whether the job has made a step. If so, its configuration and data are good, and a permanent error concerns one
     * pod's node only.
     */
    private boolean hasTrained() {
        return state.account().pace() != null
                || input.pods().stream().anyMatch(pod -> pod.signals().trainedIn() > 0);
    }

    /**
     * Records an incident, unless this pod was accounted for before.
     * @return whether it was recorded
     */
    private boolean incident(String pod, String uid, IncidentKind kind, String why) {
        if (state.accounted().contains(uid)) {
            return false;
        }
        Incident incident = new Incident(now.toString(), kind, pod, why, input.step(), null, null, null);
        newIncidents.add(incident);
        state = state.with(state.account().with(incident)).accounting(uid);
        if (input.world().rankOf(uid).isPresent()) {
            state = state.withRetry(0, null);
        } else {
            int streak = state.streak() + 1;
            Duration longest = kind == IncidentKind.Preemption ? LONGEST_BACKOFF_UNBLAMED : LONGEST_BACKOFF;
            state = state.withRetry(streak, now.plus(backoff(streak, longest)));
        }
        return true;
    }

    /**
     * Settles the cost of generations that have made steps since the last plan.
     *
     * @param changing whether the world is about to change, so that no more reports of the present one will come
     */
    private void settleGenerations(boolean changing) {
        SortedMap<Long, List<LivenessSignals>> started = new TreeMap<>();
        for (ObservedPod pod : input.pods()) {
            long generation = pod.signals().trainedIn();
            if (generation > state.account().settled()
                    && generation <= input.world().generation()) {
                started.computeIfAbsent(generation, g -> new ArrayList<>()).add(pod.signals());
            }
        }
        started.forEach((generation, reports) -> {
            boolean complete =
                    liveMembers.presentPods().allMatch(pod -> pod.signals().trainedIn() == generation);
            if (complete || changing || generation < input.world().generation()) {
                LedgerState before = state.account();
                LedgerState after = before.settle(LedgerState.GenerationStart.of(generation, reports), now);
                state = state.with(after).withRetry(0, null);
                after.resumeMessage(before).ifPresent(resumeMessages::add);
            }
        });
    }

    /** Records a new world and the incidents that caused it. */
    void published(WorldDecision.Regroup regroup, IncidentKind otherwise) {
        settleGenerations(true);
        World next = regroup.next();
        List<LivenessSignals> last = input.pods().stream()
                .map(ObservedPod::signals)
                .filter(signals -> signals.trainedIn() == state.account().settled() && signals.trainedIn() > 0)
                .toList();
        LedgerState account = state.account();
        if (!last.isEmpty()) {
            account = account.paced(
                    LedgerState.GenerationStart.of(account.settled(), last).stepSeconds());
        }
        Set<String> members =
                input.world().members().stream().map(World.Member::pod).collect(Collectors.toSet());
        List<Incident> because = newIncidents.stream()
                .filter(incident -> members.contains(incident.pod()))
                .toList();
        account = account.followedBy(next.generation(), because);
        if (because.isEmpty() && input.world().generation() > 0) {
            account = account.with(new Incident(
                    now.toString(),
                    otherwise,
                    changed(next),
                    regroup.why(),
                    input.step(),
                    next.generation(),
                    null,
                    null));
        }
        if (input.world().generation() > 0 && !next.hold() && next.size() > 0) {
            account = account.resized();
        }
        state = state.with(account).published(now);
    }

    /** Returns the names of the pods that are in exactly one of the two worlds. */
    private String changed(World next) {
        List<World.Member> both = new ArrayList<>(next.members());
        input.world().members().stream().filter(member -> !both.remove(member)).forEach(both::add);
        return LiveMembers.names(both);
    }

    private static Duration backoff(int streak, Duration longest) {
        Duration delay = FIRST_BACKOFF.multipliedBy(1L << Math.min(streak - 1, 20));
        return delay.compareTo(longest) < 0 ? delay : longest;
    }

    private String lastFailure() {
        return state.account().incidents().stream()
                .filter(incident -> incident.kind() == IncidentKind.Failure || incident.kind() == IncidentKind.Hang)
                .reduce((first, second) -> second)
                .map(last -> ". Last failure: " + last.pod() + ": " + last.reason())
                .orElse("");
    }

    private void decideEnd() {
        if (state.end() != null) {
            return;
        }
        boolean done = input.pods().stream().anyMatch(pod -> pod.state() instanceof Done);
        if (done) {
            Instant first = state.firstDone() == null ? now : state.firstDone();
            state = state.withFirstDone(first);
            if (liveMembers.present().isEmpty() || !now.isBefore(first.plus(FINISH))) {
                state = state.ended(
                        new PlannerState.End(true, ConditionReason.Complete.name(), "Training is complete", now));
            }
        } else if (state.account().countedFailures() > policy.maxFailures()) {
            state = state.ended(new PlannerState.End(
                    false,
                    ConditionReason.TooManyFailures.name(),
                    state.account().countedFailures() + " failures, recovery.maxFailures allows " + policy.maxFailures()
                            + lastFailure(),
                    now));
        }
    }
}
