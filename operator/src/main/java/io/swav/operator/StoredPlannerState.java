package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.swav.planner.LedgerState;
import io.swav.planner.PlannerState;
import io.swav.planner.PlannerState.Backoff;
import io.swav.planner.PlannerState.Pods;
import io.swav.planner.PlannerState.Progress;
import java.time.Instant;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The form in which {@link PlannerState} is stored beside the world. These names never change: an operator continues
 * jobs that an earlier version started, or, after a rollback, a later one. The names within {@link LedgerState} are
 * stored too.
 */
record StoredPlannerState(
        long nextPod,
        @Nullable Instant since,
        int streak,
        @Nullable Instant retryAt,
        Set<String> accounted,
        Set<String> lost,
        Set<String> hung,
        LedgerState account,
        @Nullable Instant firstDone,
        PlannerState.@Nullable End end,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) Set<String> divergences) {

    StoredPlannerState {
        // absent from an earlier operator's state
        divergences = new TreeSet<>(Objects.requireNonNullElse(divergences, Set.<String>of()));
        accounted = new TreeSet<>(accounted);
        lost = new TreeSet<>(lost);
        hung = new TreeSet<>(hung);
    }

    static StoredPlannerState of(PlannerState state) {
        return new StoredPlannerState(
                state.pods().next(),
                state.progress().since(),
                state.backoff().streak(),
                state.backoff().retryAt(),
                state.pods().accounted(),
                state.pods().lost(),
                state.pods().hung(),
                state.account(),
                state.progress().firstDone(),
                state.progress().end(),
                state.progress().divergences());
    }

    PlannerState plannerState() {
        return new PlannerState(
                new Pods(nextPod, accounted, lost, hung),
                new Backoff(streak, retryAt),
                new Progress(since, firstDone, end, divergences),
                account);
    }
}
