package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.swav.api.EpochSchedule;
import io.swav.api.LiveSettings;
import io.swav.planner.ChangedSettings;
import io.swav.planner.Failures;
import io.swav.planner.LedgerState;
import io.swav.planner.NodeFailures;
import io.swav.planner.PlannerState;
import io.swav.planner.PlannerState.Backoff;
import io.swav.planner.PlannerState.Pods;
import io.swav.planner.PlannerState.Progress;
import io.swav.planner.PlannerState.Trial;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The form in which {@link PlannerState} is stored beside the world. These names never change: an operator continues
 * jobs that an earlier version started, or, after a rollback, a later one. The names within {@link LedgerState} are
 * stored too.
 *
 * @param failures null if there was none, or if an earlier version stored the state
 * @param nodes null if none is blamed
 * @param epochs and {@code settings} are null if they were never changed
 * @param rollout null if there is none, or if an earlier version stored the state
 * @param started null while the job is suspended, or if an earlier version stored the state
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

        @JsonInclude(JsonInclude.Include.NON_EMPTY) @Nullable
        Set<String> unreachable,

        @JsonInclude(JsonInclude.Include.NON_EMPTY) @Nullable
        List<Trial> trials,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Failures failures,

        @JsonInclude(JsonInclude.Include.NON_EMPTY) Set<String> divergences,

        @JsonInclude(JsonInclude.Include.NON_EMPTY) @Nullable
        Set<String> noticed,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable NodeFailures nodes,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable EpochSchedule epochs,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable LiveSettings settings,

        @JsonInclude(JsonInclude.Include.NON_NULL) PlannerState.@Nullable RolloutState rollout,

        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Instant started) {

    StoredPlannerState {
        // absent from an earlier operator's state
        divergences = new TreeSet<>(Objects.requireNonNullElse(divergences, Set.<String>of()));
        accounted = new TreeSet<>(accounted);
        lost = new TreeSet<>(lost);
        hung = new TreeSet<>(hung);
        // absent from an earlier operator's state
        unreachable = unreachable == null ? new TreeSet<>() : new TreeSet<>(unreachable);
        trials = trials == null ? List.of() : List.copyOf(trials);
        noticed = noticed == null ? new TreeSet<>() : new TreeSet<>(noticed);
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
                state.pods().unreachable(),
                state.pods().trials(),
                state.failures().equals(Failures.NONE) ? null : state.failures(),
                state.progress().divergences(),
                state.pods().noticed(),
                state.nodes().equals(NodeFailures.NONE) ? null : state.nodes(),
                state.settings().epochs(),
                state.settings().live(),
                state.rollout().equals(PlannerState.RolloutState.NONE) ? null : state.rollout(),
                state.progress().started());
    }

    PlannerState plannerState() {
        return new PlannerState(
                new Pods(
                        nextPod,
                        accounted,
                        lost,
                        hung,
                        Objects.requireNonNullElse(unreachable, Set.of()),
                        Objects.requireNonNullElse(trials, List.of()),
                        Objects.requireNonNullElse(noticed, Set.of())),
                new Backoff(streak, retryAt),
                new Progress(since, firstDone, end, divergences, started),
                account,
                failures == null ? Failures.ofEarlierVersion(account.incidents()) : failures,
                Objects.requireNonNullElse(nodes, NodeFailures.NONE),
                new ChangedSettings(epochs, settings),
                Objects.requireNonNullElse(rollout, PlannerState.RolloutState.NONE));
    }
}
