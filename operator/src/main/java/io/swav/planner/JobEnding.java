package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.planner.PlannerState.End;
import io.swav.planner.PlannerState.Progress;
import io.swav.planner.PodState.Done;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * Decides whether a job has ended: because its trainers have finished, because too many have failed, or because it has
 * run for as long as it may.
 */
final class JobEnding {
    /** How long the other trainers may take to exit after the first has finished. */
    static final Duration FINISH = Duration.ofMinutes(2);

    private JobEnding() {}

    static PlannerState decide(
            JobPolicy policy, PlannerInput input, LiveMembers liveMembers, PlannerState state, Instant now) {
        if (state.progress().end() != null) {
            return state;
        }
        if (input.pods().stream().anyMatch(pod -> pod.state() instanceof Done)) {
            return state.with(finishing(state.progress(), liveMembers, now));
        }
        if (state.failures().within(policy.failureWindow(), now) > policy.maxFailures()) {
            return state.with(state.progress().ended(tooManyFailures(policy, state, now)));
        }
        return deadline(policy, state.progress())
                .filter(at -> !now.isBefore(at))
                .map(at -> state.with(state.progress().ended(tooLate(policy, state.progress(), now))))
                .orElse(state);
    }

    /**
     * Returns when a job ends that has not finished by then; empty if it may run for any time, or is suspended. Once a
     * trainer has finished, the training is complete, and only its processes are still to end.
     */
    static Optional<Instant> deadline(JobPolicy policy, Progress progress) {
        return progress.firstDone() != null
                ? Optional.empty()
                : Optional.ofNullable(progress.started())
                        .flatMap(start -> policy.activeDeadline().map(start::plus));
    }

    private static End tooLate(JobPolicy policy, Progress progress, Instant now) {
        return new End(
                false,
                ConditionReason.DeadlineExceeded,
                "The job has run for spec.activeDeadlineSeconds, "
                        + policy.activeDeadline().orElseThrow().toSeconds() + " s, since " + progress.started()
                        + ", and was not complete. Its trainers save a last checkpoint as they leave, if the job has a"
                        + " checkpoint.uri: a new SwavJob with the same settings and checkpoint.uri continues from it",
                now);
    }

    private static Progress finishing(Progress before, LiveMembers liveMembers, Instant now) {
        Instant first = before.firstDone() == null ? now : before.firstDone();
        Progress finishing = before.finishing(first);
        return liveMembers.present().isEmpty() || !now.isBefore(first.plus(FINISH))
                ? finishing.ended(new End(true, ConditionReason.Complete, "Training is complete", now))
                : finishing;
    }

    private static End tooManyFailures(JobPolicy policy, PlannerState state, Instant now) {
        LedgerState.Counts counts = state.account().counts();
        long recent = state.failures().within(policy.failureWindow(), now);
        long older = Math.max(0, counts.failures() + counts.hangs() - recent);
        return new End(
                false,
                ConditionReason.TooManyFailures,
                recent + " failures, recovery.maxFailures allows " + policy.maxFailures()
                        + (older > 0
                                ? " within recovery.failureWindowSeconds, "
                                        + policy.failureWindow().toSeconds() + " s (not counting " + older + " older)"
                                : "")
                        + lastFailure(state.account()),
                now);
    }

    private static String lastFailure(LedgerState account) {
        return account.incidents().stream()
                .filter(incident -> incident.kind() == IncidentKind.Failure || incident.kind() == IncidentKind.Hang)
                .reduce((first, second) -> second)
                .map(last -> ". Last failure: " + last.pod() + ": " + last.reason())
                .orElse("");
    }
}
