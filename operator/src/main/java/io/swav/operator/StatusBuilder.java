package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.SwavJobStatus.Ledger;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.SwavJobStatus.WorldStatus;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.LedgerState;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.PodState;
import io.swav.planner.ReconcilePlan;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/** Builds the status, as a pure function of the snapshot, the plan and the status before. */
final class StatusBuilder {
    /** Members named in the status, those of the lowest ranks; all are in the world document. */
    private static final int MEMBERS_SHOWN = 16;

    private StatusBuilder() {}

    /**
     * Builds the status of a job.
     * @param plan what was planned; empty if no spec could be accepted
     * @param result what came of the plan
     */
    static SwavJobStatus status(
            JobSnapshot snapshot, Optional<ReconcilePlan> plan, ExecutionResult result, Instant now) {
        StatusFacts facts = StatusFacts.of(snapshot, plan, result, now);
        Phase phase = facts.phase();
        CheckpointStatus checkpoints = CheckpointStatus.of(snapshot.allReports(), facts.world(), facts.before());
        List<ObservedPod> alive = snapshot.pods().stream()
                .filter(pod -> pod.isAlive() && !facts.plannerState().pods().isOut(pod.uid()))
                .toList();
        int ready = (int) alive.stream()
                .filter(pod -> pod.state() instanceof PodState.Ready)
                .count();
        return new SwavJobStatus(
                snapshot.job().getMetadata().getGeneration(),
                phase,
                text(facts.plannerState().progress().started()),
                alive.size(),
                ready,
                OwnerMetadata.selector(snapshot.job()),
                world(facts),
                ProgressStatus.of(facts, phase),
                checkpoints.newest(),
                ledger(facts),
                avoidedNodes(facts),
                ConditionStatus.of(facts, phase, checkpoints));
    }

    /**
     * Returns the status as it was, except that it is Stalled: a person has to correct something before anything can be
     * planned.
     */
    static SwavJobStatus stalled(SwavJob job, ConditionReason reason, String why, Instant now) {
        SwavJobStatus before = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        long generation = job.getMetadata().getGeneration();
        Conditions conditions = new Conditions(before, now, generation)
                .add(ConditionType.Ready, false, ConditionReason.Stalled, why)
                .add(ConditionType.Reconciling, false, reason, why)
                .add(ConditionType.Stalled, true, reason, why);
        EnumSet.complementOf(EnumSet.of(ConditionType.Ready, ConditionType.Reconciling, ConditionType.Stalled))
                .forEach(conditions::keep);
        return new SwavJobStatus(
                generation,
                before.phase(),
                before.startTime(),
                before.replicas(),
                before.readyReplicas(),
                before.selector(),
                before.world(),
                before.progress(),
                before.checkpoints(),
                before.ledger(),
                before.avoidedNodes(),
                conditions.list());
    }

    /**
     * Returns the status as it was, except for its pods, and that the job is being deleted.
     *
     * @param alive pods that have not ended
     */
    static SwavJobStatus deleting(SwavJob job, int alive, String why, Instant now) {
        SwavJobStatus before = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        long generation = job.getMetadata().getGeneration();
        Conditions conditions = new Conditions(before, now, generation)
                .add(ConditionType.Ready, false, ConditionReason.Deleting, why)
                .add(ConditionType.Reconciling, true, ConditionReason.Deleting, why)
                .add(ConditionType.Stalled, false, ConditionReason.Waiting, why)
                .add(ConditionType.Running, false, ConditionReason.Deleting, why);
        EnumSet.complementOf(EnumSet.of(
                        ConditionType.Ready, ConditionType.Reconciling, ConditionType.Stalled, ConditionType.Running))
                .forEach(conditions::keep);
        return new SwavJobStatus(
                generation,
                before.phase(),
                before.startTime(),
                alive,
                0,
                before.selector(),
                withoutMembers(before.world()),
                before.progress(),
                before.checkpoints(),
                before.ledger(),
                null,
                conditions.list());
    }

    private static @Nullable WorldStatus withoutMembers(@Nullable WorldStatus world) {
        return world == null ? null : new WorldStatus(world.generation(), 0, List.of(), world.since(), null);
    }

    private static @Nullable WorldStatus world(StatusFacts facts) {
        World world = facts.world();
        if (world.generation() == 0) {
            return null;
        }
        return new WorldStatus(
                world.generation(),
                world.size(),
                world.members().stream()
                        .limit(MEMBERS_SHOWN)
                        .map(World.Member::pod)
                        .toList(),
                text(facts.plannerState().progress().since()),
                collective(facts));
    }

    private static @Nullable String text(@Nullable Instant time) {
        return time == null ? null : time.toString();
    }

    private static @Nullable String collective(StatusFacts facts) {
        World world = facts.world();
        TrainerReport first = world.members().isEmpty()
                ? null
                : facts.snapshot().reports().get(world.members().get(0).pod());
        return first == null || first.generation() != world.generation() ? null : first.collective();
    }

    private static @Nullable List<AvoidedNode> avoidedNodes(StatusFacts facts) {
        List<AvoidedNode> avoided = facts.avoidedNodes();
        return avoided.isEmpty() ? null : avoided;
    }

    private static Ledger ledger(StatusFacts facts) {
        LedgerState account = facts.plannerState().account();
        LedgerState.Counts counts = account.counts();
        return new Ledger(
                goodput(facts, account),
                account.stepsLost(),
                counts.preemptions(),
                counts.failures(),
                counts.hangs(),
                recentFailures(facts),
                facts.plannerState().failures().notFinite(),
                counts.divergences(),
                counts.resizes(),
                account.secondsLost(),
                account.incidents());
    }

    /** Returns the failures that count now; unchanged while no spec says for how long they do. */
    private static @Nullable Long recentFailures(StatusFacts facts) {
        Ledger before = facts.before().ledger();
        Instant until = facts.end().map(PlannerState.End::time).orElse(facts.now());
        return facts.snapshot()
                .accepted()
                .map(spec -> facts.plannerState()
                        .failures()
                        .within(Duration.ofSeconds(spec.recovery().failureWindowSeconds()), until))
                .orElse(before == null ? null : before.recentFailures());
    }

    /**
     * Returns the goodput from the reports of the last generation that trained; unchanged while none of its trainers
     * reports.
     */
    private static @Nullable Double goodput(StatusFacts facts, LedgerState account) {
        OptionalDouble kept = facts.snapshot().pods().stream()
                .map(pod -> pod.signals().regroup())
                .flatMap(Optional::stream)
                .filter(regroup -> account.pace() != null
                        && regroup.generation() == account.pace().generation())
                .mapToDouble(TrainerReport.Regroup::keptSeconds)
                .max();
        Ledger before = facts.before().ledger();
        Double old = before == null ? null : before.goodput();
        Instant until = facts.end().map(end -> end.time()).orElse(facts.now());
        return kept.isEmpty()
                ? old
                : account.goodput(kept.getAsDouble(), until)
                        .map(ProgressStatus::shown)
                        .orElse(old);
    }
}
