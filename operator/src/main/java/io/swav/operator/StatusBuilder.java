package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Ledger;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.SwavJobStatus.WorldStatus;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.operator.PlanExecutor.PodRejection;
import io.swav.planner.Hold;
import io.swav.planner.LedgerState;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.PodState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldDecision;
import java.math.BigDecimal;
import java.math.MathContext;
import java.time.Instant;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Builds the status, as a pure function of the snapshot, the plan and the status before. */
final class StatusBuilder {
    /** Significant digits of rates and losses in the status: enough to see a step change them. */
    private static final MathContext SHOWN = new MathContext(4);

    private final JobSnapshot snapshot;
    private final Optional<ReconcilePlan> plan;
    private final ExecutionResult result;
    private final SwavJobStatus before;
    private final Instant now;
    private final World world;
    private final PlannerState plannerState;
    private final CheckpointStatus checkpoints;

    private StatusBuilder(JobSnapshot snapshot, Optional<ReconcilePlan> plan, ExecutionResult result, Instant now) {
        this.snapshot = snapshot;
        this.plan = plan;
        this.result = result;
        this.before = Optional.ofNullable(snapshot.job().getStatus()).orElse(SwavJobStatus.EMPTY);
        this.now = now;
        Optional<ReconcilePlan> published = plan.filter(p -> result.published());
        this.world = published
                .map(ReconcilePlan::world)
                .map(decision -> decision instanceof WorldDecision.Regroup regroup ? regroup.next() : null)
                .orElse(snapshot.worldMap().world());
        this.plannerState =
                published.map(ReconcilePlan::state).orElse(snapshot.worldMap().state());
        this.checkpoints = CheckpointStatus.of(snapshot.allReports(), world, before);
    }

    /**
     * Builds the status of a job.
     * @param plan what was planned; empty if no spec could be accepted
     * @param result what came of the plan
     */
    static SwavJobStatus status(
            JobSnapshot snapshot, Optional<ReconcilePlan> plan, ExecutionResult result, Instant now) {
        return new StatusBuilder(snapshot, plan, result, now).status();
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
                before.replicas(),
                before.readyReplicas(),
                before.selector(),
                before.world(),
                before.progress(),
                before.checkpoints(),
                before.ledger(),
                conditions.list());
    }

    private SwavJobStatus status() {
        List<ObservedPod> alive = snapshot.pods().stream()
                .filter(pod -> pod.isAlive() && !plannerState.pods().isOut(pod.uid()))
                .toList();
        int ready = (int) alive.stream()
                .filter(pod -> pod.state() instanceof PodState.Ready)
                .count();
        Phase phase = phase();
        return new SwavJobStatus(
                snapshot.job().getMetadata().getGeneration(),
                phase,
                alive.size(),
                ready,
                OwnerMetadata.selector(snapshot.job()),
                worldStatus(),
                progress(phase),
                checkpoints.newest(),
                ledger(),
                conditions(phase));
    }

    private Phase phase() {
        if (plan.isEmpty()) {
            return Phase.Invalid;
        }
        WorldDecision decision = plan.get().world();
        if (decision instanceof WorldDecision.JobEnded ended) {
            return ended.end().complete() ? Phase.Complete : Phase.Failed;
        }
        if (snapshot.accepted().filter(spec -> spec.suspend()).isPresent()) {
            return Phase.Suspended;
        }
        if (world.hold()) {
            return Phase.Holding;
        }
        if (world.members().isEmpty()) {
            return Phase.Pending;
        }
        return settled() ? Phase.Running : Phase.Resizing;
    }

    /** Whether every member has reported that it is in the present world. */
    private boolean settled() {
        return world.members().stream().allMatch(member -> {
            TrainerReport report = snapshot.reports().get(member.pod());
            return report != null && report.uid().equals(member.uid()) && report.generation() >= world.generation();
        });
    }

    private @Nullable WorldStatus worldStatus() {
        if (world.generation() == 0) {
            return null;
        }
        Instant since = plannerState.progress().since();
        return new WorldStatus(
                world.generation(),
                world.size(),
                world.members().stream().map(World.Member::pod).toList(),
                since == null ? null : since.toString(),
                collective());
    }

    private @Nullable String collective() {
        TrainerReport first = world.members().isEmpty()
                ? null
                : snapshot.reports().get(world.members().get(0).pod());
        return first == null || first.generation() != world.generation() ? null : first.collective();
    }

    private @Nullable Progress progress(Phase phase) {
        @Nullable Progress reported = progress();
        boolean paused =
                EnumSet.of(Phase.Pending, Phase.Holding, Phase.Suspended).contains(phase);
        return reported == null || !paused
                ? reported
                : new Progress(
                        reported.step(),
                        reported.steps(),
                        reported.epoch(),
                        reported.loss(),
                        0.0,
                        reported.prototypePerplexity(),
                        reported.knnTop1(),
                        null,
                        reported.skippedSamples());
    }

    /**
     * Returns the latest progress. Progress that was reported once stays after all pods are gone. Fewer steps than
     * before count only if a trainer is making them again, from a checkpoint.
     */
    private @Nullable Progress progress() {
        Collection<TrainerReport> reports = snapshot.reports().values();
        Optional<TrainerReport> latest = snapshot.latest();
        @Nullable Progress old = before.progress();
        if (latest.isEmpty()) {
            return old;
        }
        TrainerReport report = latest.get();
        boolean trains = report.state() == TrainerReport.State.Training && report.generation() == world.generation();
        if (old != null && old.step() != null && report.step() < old.step() && !trains) {
            return old;
        }
        Double knn = report.knnTop1() != null ? report.knnTop1() : old == null ? null : old.knnTop1();
        Double rate = report.imagesPerSecond();
        boolean finished = plannerState.progress().end() != null || report.step() >= report.steps();
        Long eta = rate == null || rate <= 0
                ? null
                : snapshot.accepted()
                        .map(spec -> Math.round((report.steps() - report.step())
                                * spec.training().globalBatch()
                                / rate))
                        .orElse(null);
        return new Progress(
                report.step(),
                report.steps(),
                report.epoch(),
                shown(report.loss()),
                shown(rate),
                shown(report.prototypePerplexity()),
                shown(knn),
                finished ? Long.valueOf(0) : eta,
                reports.stream().mapToLong(TrainerReport::skippedSamples).sum());
    }

    private static @Nullable Double shown(@Nullable Double value) {
        return value == null || !Double.isFinite(value)
                ? null
                : new BigDecimal(value).round(SHOWN).doubleValue();
    }

    private Ledger ledger() {
        LedgerState account = plannerState.account();
        LedgerState.Counts counts = account.counts();
        return new Ledger(
                goodput(account),
                account.stepsLost(),
                counts.preemptions(),
                counts.failures(),
                counts.hangs(),
                counts.resizes(),
                account.secondsLost(),
                account.incidents());
    }

    /**
     * Returns the goodput from the reports of the last generation that trained; unchanged while none of its trainers
     * reports.
     */
    private @Nullable Double goodput(LedgerState account) {
        Instant until = plannerState.progress().end() == null ? now : plannerState.progress().end().time();
        OptionalDouble kept = snapshot.pods().stream()
                .map(pod -> pod.signals().regroup())
                .flatMap(Optional::stream)
                .filter(regroup -> account.pace() != null
                        && regroup.generation() == account.pace().generation())
                .mapToDouble(TrainerReport.Regroup::keptSeconds)
                .max();
        Double old = before.ledger() == null ? null : before.ledger().goodput();
        return kept.isEmpty()
                ? old
                : account.goodput(kept.getAsDouble(), until)
                        .map(StatusBuilder::shown)
                        .orElse(old);
    }

    private List<JobCondition> conditions(Phase phase) {
        Conditions conditions =
                new Conditions(before, now, snapshot.job().getMetadata().getGeneration());
        String why = plan.map(p -> HumanFormat.sentences(withHolds(p.world().why()), notAccepted(phase)))
                .orElseGet(this::problems);
        boolean ended = phase == Phase.Complete || phase == Phase.Failed;
        boolean full = snapshot.accepted()
                .filter(spec -> world.size() == Math.min(spec.replicas(), spec.maxReplicas()))
                .isPresent();
        boolean done = phase == Phase.Complete || phase == Phase.Suspended || (phase == Phase.Running && full);
        boolean current = done && result.apiError().isEmpty();
        Optional<String> stall = stall(phase, full, why);
        boolean stalled = stall.isPresent();
        ConditionReason of = ConditionReason.valueOf(phase.name());
        ConditionReason reason = endReason().orElse(of);
        ConditionReason state = result.apiError().isPresent() ? ConditionReason.ApiError : of;
        String sentence = result.apiError()
                .map(error -> HumanFormat.sentences("The API server returned an error, retrying: " + error, why))
                .orElse(why);
        conditions
                .add(
                        ConditionType.Ready,
                        current && !stalled,
                        stalled ? ConditionReason.Stalled : current ? reason : state,
                        stalled ? stall.get() : sentence)
                .add(ConditionType.Reconciling, !current && !stalled, state, sentence)
                .add(
                        ConditionType.Stalled,
                        stalled,
                        stalled
                                ? stallReason(phase)
                                : waiting().isPresent() ? ConditionReason.Waiting : ConditionReason.Moving,
                        stall.or(this::waiting).orElse("Nothing blocks the job"))
                .add(ConditionType.Running, phase == Phase.Running, of, why)
                .add(
                        ConditionType.Resizing,
                        phase == Phase.Resizing,
                        of,
                        phase == Phase.Resizing ? withHolds(world.why()) : why)
                .add(
                        ConditionType.Suspended,
                        phase == Phase.Suspended,
                        of,
                        phase == Phase.Suspended ? suspended(why) : why)
                .add(ConditionType.DataReady, dataStatus(), dataReason(), dataMessage())
                .add(
                        ConditionType.Complete,
                        phase == Phase.Complete,
                        ended ? reason : ConditionReason.NotYet,
                        ended ? why : "Not all steps are done")
                .add(
                        ConditionType.Failed,
                        phase == Phase.Failed || phase == Phase.Invalid,
                        phase == Phase.Invalid ? stallReason(phase) : ended ? reason : ConditionReason.NotFailed,
                        phase == Phase.Failed || phase == Phase.Invalid ? why : "The job has not failed");
        snapshot.accepted().ifPresent(spec -> checkpoints.addTo(conditions, spec));
        return conditions.list();
    }

    private String suspended(String why) {
        return HumanFormat.sentences(
                why,
                checkpoints
                        .usable()
                        .map(entry -> "It will resume from step " + entry.step() + " in " + entry.uri())
                        .orElse("There is no checkpoint to resume from"));
    }

    private Optional<ConditionReason> endReason() {
        return Optional.ofNullable(plannerState.progress().end()).map(PlannerState.End::reason);
    }

    private String problems() {
        return snapshot.problems().stream().map(Problem::message).collect(Collectors.joining("; "));
    }

    /** The addition to the message of an ended job, which no edit changes. */
    private String notAccepted(Phase phase) {
        boolean ended = phase == Phase.Complete || phase == Phase.Failed;
        return ended && !snapshot.problems().isEmpty() ? "An edit was rejected: " + problems() : "";
    }

    /**
     * Stalls only if the world should have more trainers: spares that cannot start do not keep the job from being as
     * wanted.
     */
    private Optional<String> stalledByHold(boolean full, String why) {
        return holds().filter(sentence -> !full && Hold.needsAction(snapshot.pods()))
                .map(sentence -> why);
    }

    private Optional<WorldDecision.JobEnded> ends() {
        return plan.map(ReconcilePlan::world)
                .filter(WorldDecision.JobEnded.class::isInstance)
                .map(WorldDecision.JobEnded.class::cast);
    }

    /** Adds what holds pods, if the plan's sentence is about something else. */
    private String withHolds(String why) {
        return holds().filter(sentence -> !why.contains(sentence))
                .map(sentence -> HumanFormat.sentences(why, sentence))
                .orElse(why);
    }

    /** Describes held pods; empty for a job that has ended or is suspended, because its pods are being deleted. */
    private Optional<String> holds() {
        boolean wanted = snapshot.accepted().filter(spec -> !spec.suspend()).isPresent() && ends().isEmpty();
        return wanted ? Hold.sentence(snapshot.pods()) : Optional.empty();
    }

    /** Describes what blocks the job although no person has to act, as far as is known. */
    private Optional<String> waiting() {
        Stream<Optional<String>> ofPods =
                ends().isPresent() ? Stream.of() : Stream.of(holds(), retry(), checkpoints.unreadable());
        List<String> causes = Stream.concat(
                        Stream.of(result.apiError().map(error -> "the API server returned an error: " + error)), ofPods)
                .flatMap(Optional::stream)
                .toList();
        return causes.isEmpty() ? Optional.empty() : Optional.of("Waiting: " + String.join("; ", causes));
    }

    private Optional<String> retry() {
        return Optional.ofNullable(plannerState.backoff().retryAt())
                .filter(now::isBefore)
                .map(at -> "the next pod is created at " + at + " because recent pods failed");
    }

    /** Describes what a person has to do before the job can become as wanted. */
    private Optional<String> stall(Phase phase, boolean full, String why) {
        if (phase == Phase.Complete) {
            return Optional.empty();
        }
        if (phase == Phase.Failed) {
            return Optional.ofNullable(plannerState.progress().end())
                    .map(end -> HumanFormat.sentences(end.message(), notAccepted(phase)));
        }
        if (!snapshot.problems().isEmpty()) {
            return Optional.of(
                    phase == Phase.Invalid ? problems() : HumanFormat.sentences(problems(), specInForce(phase)));
        }
        return result.rejection().map(PodRejection::why).or(() -> stalledByHold(full, why));
    }

    private String specInForce(Phase phase) {
        boolean noPod = TrainerPod.problem(snapshot.job().getSpec().template()).isPresent();
        return (phase == Phase.Suspended ? "The job stays suspended" : "The job continues")
                + " with its previous spec"
                + (noPod ? ", and no pod can be created until spec.template is corrected" : "");
    }

    private ConditionReason stallReason(Phase phase) {
        if (phase == Phase.Failed) {
            return endReason().orElse(ConditionReason.Failed);
        }
        if (snapshot.problems().isEmpty()) {
            return result.rejection().map(PodRejection::reason).orElse(ConditionReason.PodCannotStart);
        }
        return snapshot.problems().stream().anyMatch(problem -> problem.reason() == ConditionReason.NotAvailable)
                ? ConditionReason.NotAvailable
                : ConditionReason.InvalidSpec;
    }

    // A trainer is Ready only after it has opened the data, so a report of Ready or a later state means that the data
    // exists.

    private String dataStatus() {
        if (dataFailure().isPresent()) {
            return "False";
        }
        return dataOpened() ? "True" : "Unknown";
    }

    private ConditionReason dataReason() {
        return dataFailure().isPresent()
                ? ConditionReason.NoData
                : dataOpened() ? ConditionReason.Opened : ConditionReason.NotOpened;
    }

    private String dataMessage() {
        return dataFailure()
                .orElseGet(() ->
                        dataOpened() ? "A trainer has opened spec.data.uri" : "No trainer has opened the data yet");
    }

    private boolean dataOpened() {
        return before.isTrue(ConditionType.DataReady)
                || snapshot.reports().values().stream()
                        .anyMatch(report -> report.state() != TrainerReport.State.Starting
                                && !report.state().isFailure());
    }

    private Optional<String> dataFailure() {
        return Optional.ofNullable(plannerState.progress().end())
                .filter(end -> end.reason() == ConditionReason.NoData)
                .map(PlannerState.End::message);
    }
}
