package io.swav.planner;

import io.swav.api.ConditionReason;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.planner.PlannerState.End;
import io.swav.planner.PlannerState.Progress;
import io.swav.planner.PodState.Done;
import java.time.Duration;
import java.time.Instant;

/** Decides whether a job has ended: because its trainers have finished, or because too many have failed. */
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
        return state.failures().within(policy.failureWindow(), now) > policy.maxFailures()
                ? state.with(state.progress().ended(tooManyFailures(policy, state, now)))
                : state;
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
