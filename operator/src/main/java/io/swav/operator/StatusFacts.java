package io.swav.operator;

import io.swav.api.SwavJobSpec;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.PlannerState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldDecision;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What all parts of a status are built from.
 *
 * @param plan what was planned; empty if no spec could be accepted
 * @param result what came of the plan
 * @param before the status as it was
 * @param world the present one, which this plan may have published
 * @param plannerState as it is stored beside that world
 */
record StatusFacts(
        JobSnapshot snapshot,
        Optional<ReconcilePlan> plan,
        ExecutionResult result,
        SwavJobStatus before,
        World world,
        PlannerState plannerState,
        Instant now) {

    static StatusFacts of(JobSnapshot snapshot, Optional<ReconcilePlan> plan, ExecutionResult result, Instant now) {
        Optional<ReconcilePlan> published = plan.filter(p -> result.published());
        return new StatusFacts(
                snapshot,
                plan,
                result,
                Optional.ofNullable(snapshot.job().getStatus()).orElse(SwavJobStatus.EMPTY),
                published
                        .map(ReconcilePlan::world)
                        .map(decision -> decision instanceof WorldDecision.Regroup regroup ? regroup.next() : null)
                        .orElse(snapshot.worldMap().world()),
                published.map(ReconcilePlan::state).orElse(snapshot.worldMap().state()),
                now);
    }

    /** Returns how the job ended, as far as that is stored. */
    Optional<PlannerState.End> end() {
        return Optional.ofNullable(plannerState.progress().end());
    }

    /** Returns the nodes that new pods are kept off, as far as that is stored. */
    List<AvoidedNode> avoidedNodes() {
        boolean creates = end().isEmpty() && snapshot.mayRun();
        return plan.filter(p -> creates && result.published())
                .map(p -> p.nodes().avoided())
                .orElse(List.of());
    }

    Phase phase() {
        if (plan.isEmpty()) {
            return Phase.Invalid;
        }
        PlannerState.End end = plan.get().state().progress().end();
        if (end != null) {
            return end.complete() ? Phase.Complete : Phase.Failed;
        }
        if (snapshot.accepted().filter(SwavJobSpec::suspend).isPresent()) {
            return Phase.Suspended;
        }
        if (world.hold()) {
            return Phase.Holding;
        }
        if (world.members().isEmpty()) {
            return Phase.Pending;
        }
        return isFormed() ? Phase.Running : Phase.Resizing;
    }

    /** Whether every member has reported that it is in the present world. */
    private boolean isFormed() {
        return world.members().stream().allMatch(member -> {
            TrainerReport report = snapshot.reports().get(member.pod());
            return report != null && report.uid().equals(member.uid()) && report.generation() >= world.generation();
        });
    }

    /** Whether the world has as many members as the spec wants and a queue allows. */
    boolean isFull() {
        return snapshot.policy()
                .filter(policy -> world.size() == policy.target())
                .isPresent();
    }
}
