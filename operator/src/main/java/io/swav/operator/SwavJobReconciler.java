package io.swav.operator;

import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.OperatorException;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.ControllerConfiguration;
import io.javaoperatorsdk.operator.api.reconciler.EventSourceContext;
import io.javaoperatorsdk.operator.api.reconciler.PrimaryUpdateAndCacheUtils;
import io.javaoperatorsdk.operator.api.reconciler.Reconciler;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import io.javaoperatorsdk.operator.processing.event.source.EventSource;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Ledger;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.JobPolicy;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldPlanner;
import java.net.HttpURLConnection;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Observes, plans, acts, and writes the status once. All events trigger it: otherwise a deletion would go unnoticed,
 * and what the process remembers of the job would stay.
 */
@ControllerConfiguration(
        name = "swavjob",
        fieldManager = OwnerMetadata.FIELD_MANAGER,
        triggerReconcilerOnAllEvents = true)
final class SwavJobReconciler implements Reconciler<SwavJob> {
    /**
     * Trainers of a job report several times a second. The status follows no faster than this, unless more than
     * progress has changed.
     */
    private static final Duration PROGRESS_EVERY = Duration.ofSeconds(2);
    /** Statuses of all jobs in which only progress has changed: 50 a second, which an API server of two cores bears. */
    private static final Duration BETWEEN_PROGRESS = Duration.ofMillis(20);

    private static final Duration AFTER_API_ERROR = Duration.ofSeconds(1);
    private static final ExecutionResult NOTHING_DONE =
            new ExecutionResult(false, Set.of(), Optional.empty(), Optional.empty());
    private static final int TOO_MANY_REQUESTS = 429;
    private static final Duration SHORTEST_WAIT = Duration.ofMillis(50);

    private static final Logger LOG = LoggerFactory.getLogger(SwavJobReconciler.class);
    private final KubernetesClient client;
    private final Signals signals;
    private final Clock clock;
    private final ReportSilenceTracker silence = new ReportSilenceTracker(System::nanoTime);
    private final PlanExecutor executor;
    private final JobEvents events;
    private final PodEvents podEvents;
    private final KueueQueue queue;
    private final JobMetrics metrics;
    private final Optional<CostAnnotations> costs;
    private final Pace progressPace = new Pace(BETWEEN_PROGRESS);
    /** By uid of the job: when its status may be written again if only progress has changed. */
    private final Map<String, Instant> progressDue = new ConcurrentHashMap<>();
    /** Set once, before the first reconciliation. */
    private @Nullable Informers informers;

    /**
     * @param everywhere whether jobs of all namespaces are reconciled
     * @param costs empty if preemption costs are not annotated
     */
    SwavJobReconciler(
            KubernetesClient client,
            boolean everywhere,
            Signals signals,
            JobMetrics metrics,
            Optional<CostAnnotations> costs,
            Clock clock) {
        this.client = client;
        this.signals = signals;
        this.clock = clock;
        this.metrics = metrics;
        this.costs = costs;
        this.events = new JobEvents(client, new EarlierEvents(client, everywhere, System::nanoTime));
        this.podEvents = new PodEvents(client);
        this.queue = new KueueQueue(client, events::recordRestored);
        this.executor = new PlanExecutor(
                client,
                pod -> informers().created(pod),
                map -> informers().written(map),
                () -> informers().nodes(),
                new Dependents(client, this::informers, events::recordRestored),
                new HandshakeKeeper(client),
                new GangKeeper(client, this::informers, events::recordRestored));
    }

    @Override
    public List<EventSource<?, SwavJob>> prepareEventSources(EventSourceContext<SwavJob> context) {
        informers = new Informers(context);
        return informers.all();
    }

    /** Returns the jobs in the informer's cache, also if another operator leads; none before it has synced. */
    List<SwavJob> jobs() {
        return Optional.ofNullable(informers).map(Informers::jobs).orElse(List.of());
    }

    private Informers informers() {
        return Objects.requireNonNull(informers, "prepareEventSources has not been called");
    }

    @Override
    public UpdateControl<SwavJob> reconcile(SwavJob job, Context<SwavJob> context) {
        if (context.isPrimaryResourceDeleted() || (job.isMarkedForDeletion() && !JobDeletion.isKept(job))) {
            forget(job);
            return UpdateControl.noUpdate();
        }
        if (!informers().synced(job.getMetadata().getNamespace())) { // what is missing in a cache is not missing
            return UpdateControl.<SwavJob>noUpdate().rescheduleAfter(AFTER_API_ERROR);
        }
        MDC.put(
                "job",
                job.getMetadata().getNamespace() + "/" + job.getMetadata().getName());
        Instant now = clock.instant();
        try {
            Optional<JobSnapshot> observed = readSnapshot(job, context.getSecondaryResources(Pod.class), now);
            if (observed.isEmpty()) {
                return UpdateControl.<SwavJob>noUpdate().rescheduleAfter(AFTER_API_ERROR);
            }
            if (job.isMarkedForDeletion()) {
                return letGo(observed.get(), now, context);
            }
            JobSnapshot snapshot = observed.get().with(queue.check(observed.get(), context, now));
            events.recall(job, now);
            JobEvents.Owed owed = events.tell(job, snapshot.worldMap().outbox(), snapshot.pods(), Set.of(), now);
            Optional<PodRejection> rejection = snapshot.orphans()
                    .rejection(job, now)
                    .or(() -> executor.rejection(job, now))
                    .or(() -> snapshot.queue() instanceof QueueState.Unavailable unknown
                            ? Optional.of(unknown.rejection())
                            : Optional.empty());
            Optional<ReconcilePlan> plan =
                    snapshot.policy().map(policy -> WorldPlanner.plan(policy, snapshot.plannerInput(rejection), now));
            ExecutionResult result = NOTHING_DONE;
            if (plan.isPresent()) {
                Outbox all = owed.outbox().plus(JobEvents.notes(job, plan.get(), snapshot.changesForNextPods(), now));
                result = executor.execute(snapshot, snapshot.accepted().orElseThrow(), plan.get(), all, now)
                        .with(rejection);
                owed = result.published() ? events.tell(job, all, snapshot.pods(), result.created(), now) : owed;
            }
            Optional<Instant> due = writeStatus(job, StatusBuilder.status(snapshot, plan, result, now), now, context);
            if (due.isEmpty()) {
                executor.prune(snapshot);
            }
            costs.ifPresent(annotations ->
                    annotations.write(snapshot, informers().pods(job), queue.workload(job), queue::patch, now));
            return next(
                    Stream.of(
                                    due.stream(),
                                    snapshot.recheckAt().stream(),
                                    executor.recheckAt(job, now).stream(),
                                    queue.recheckAt(job).stream(),
                                    owed.recheckAt().stream(),
                                    retryTimes(plan, result, now))
                            .flatMap(times -> times),
                    now);
        } catch (WorldConfigMap.UnreadableException e) {
            if (job.isMarkedForDeletion()) {
                executor.deletePods(job, context.getSecondaryResources(Pod.class));
                return UpdateControl.noUpdate();
            }
            SwavJobStatus stalled =
                    StatusBuilder.stalled(job, ConditionReason.WorldUnreadable, String.valueOf(e.getMessage()), now);
            return next(writeStatus(job, stalled, now, context).stream(), now);
        } finally {
            MDC.remove("job");
        }
    }

    /**
     * Ends the pods of a job that is being deleted, as if it were suspended, while somebody's finalizer keeps the job.
     * Otherwise its trainers would train for as long as that takes.
     */
    private UpdateControl<SwavJob> letGo(JobSnapshot snapshot, Instant now, Context<SwavJob> context) {
        SwavJob job = snapshot.job();
        metrics.forget(job);
        executor.letGo(
                snapshot,
                snapshot.accepted()
                        .map(spec -> WorldPlanner.plan(
                                JobPolicy.of(spec).asSuspended(), snapshot.plannerInput(Optional.empty()), now)));
        queue.letGo(snapshot, context);
        int alive = (int) snapshot.pods().stream().filter(JobDeletion::isLeft).count();
        String message = JobDeletion.message(job, alive);
        events.recordDeletion(job, message, now);
        SwavJobStatus status = StatusBuilder.deleting(job, alive, message, now);
        if (status.equals(job.getStatus())) {
            return UpdateControl.noUpdate();
        }
        return next(store(job, status, now, context).stream(), now);
    }

    /**
     * Returns empty if the API server did not give the job's objects. If it did not respond at all, no report of any job
     * could have arrived, so silence proves nothing. A refusal concerns this job alone.
     */
    private Optional<JobSnapshot> readSnapshot(SwavJob job, Set<Pod> pods, Instant now) {
        try {
            return Optional.of(informers()
                    .snapshotReader(signals, client, podEvents, silence)
                    .read(job, pods, now));
        } catch (KubernetesClientException e) {
            LOG.warn("cannot read the trainers' reports: {}", PlanExecutor.message(e));
            if (isOutage(e)) {
                silence.apiServerLost();
            }
            return Optional.empty();
        }
    }

    /** Whether the API server could not be reached, or was not able to answer. */
    static boolean isOutage(KubernetesClientException e) {
        return e.getCode() <= 0 // no HTTP status
                || e.getCode() == TOO_MANY_REQUESTS
                || e.getCode() >= HttpURLConnection.HTTP_INTERNAL_ERROR;
    }

    /**
     * Writes the status if it has changed.
     * @return when to write it, if only progress has changed and the last write is too recent
     */
    private Optional<Instant> writeStatus(SwavJob job, SwavJobStatus status, Instant now, Context<SwavJob> context) {
        metrics.record(job, status);
        SwavJobStatus before = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        if (status.equals(before)) {
            return Optional.empty();
        }
        String uid = job.getMetadata().getUid();
        Instant due = progressDue.getOrDefault(uid, Instant.EPOCH);
        boolean onlyProgress = onlyProgress(before, status);
        if (onlyProgress && now.isBefore(due)) {
            return Optional.of(due);
        }
        events.recordConditions(job, status, now);
        Optional<Instant> again = store(job, status, now, context);
        if (again.isEmpty()) {
            Instant next = now.plus(PROGRESS_EVERY);
            progressDue.put(uid, onlyProgress ? progressPace.turn(next) : next);
            events.statusStored(job);
        }
        return again;
    }

    /**
     * Stores the status. A failure is not thrown: the SDK would end its retries after a few, and with them everything that
     * is planned for a time.
     *
     * @return when to try again, if it failed
     */
    private Optional<Instant> store(SwavJob job, SwavJobStatus status, Instant now, Context<SwavJob> context) {
        // not with an UpdateControl: the cache must have it at once, or the next plan would start from the previous
        // status
        try {
            PrimaryUpdateAndCacheUtils.ssaPatchStatusAndCacheResource(job, withStatus(job, status), context);
            return Optional.empty();
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_NOT_FOUND) {
                return Optional.empty(); // the job is gone
            }
            if (ObjectSize.isTooLarge(e)) {
                writeTooLarge(job, status, e, now, context);
                return Optional.empty();
            }
            LOG.warn("cannot store the status, which is tried again: {}", PlanExecutor.message(e));
            return Optional.of(now.plus(AFTER_API_ERROR));
        } catch (OperatorException e) { // after conflicts, or if the API server finds the status invalid
            LOG.warn("cannot store the status, which is tried again", e);
            return Optional.of(now.plus(AFTER_API_ERROR));
        }
    }

    /** Leaves the status as it was, which the API server did store, except that it is Stalled. */
    private void writeTooLarge(
            SwavJob job, SwavJobStatus status, KubernetesClientException e, Instant now, Context<SwavJob> context) {
        SwavJobStatus stalled = StatusBuilder.stalled(
                job,
                ConditionReason.ObjectTooLarge,
                ObjectSize.describe(withStatus(job, status), e)
                        + ". The rest of the status stays as it was, while the job continues. Make spec.template and the"
                        + " annotations shorter.",
                now);
        if (!stalled.equals(job.getStatus())) {
            PrimaryUpdateAndCacheUtils.ssaPatchStatusAndCacheResource(job, withStatus(job, stalled), context);
        }
    }

    private static Stream<Instant> retryTimes(Optional<ReconcilePlan> plan, ExecutionResult result, Instant now) {
        return Stream.of(
                        plan.flatMap(ReconcilePlan::replanAt),
                        result.rejection().map(PodRejection::until),
                        result.apiError().map(error -> now.plus(AFTER_API_ERROR)))
                .flatMap(Optional::stream);
    }

    private static UpdateControl<SwavJob> next(Stream<Instant> times, Instant now) {
        UpdateControl<SwavJob> control = UpdateControl.noUpdate();
        Optional<Duration> wait = times.min(Comparator.naturalOrder()).map(at -> Duration.between(now, at));
        return wait.isEmpty()
                ? control
                : control.rescheduleAfter(wait.get().compareTo(SHORTEST_WAIT) < 0 ? SHORTEST_WAIT : wait.get());
    }

    private static boolean onlyProgress(SwavJobStatus before, SwavJobStatus now) {
        return Objects.equals(before.observedGeneration(), now.observedGeneration())
                && Objects.equals(before.phase(), now.phase())
                && Objects.equals(before.replicas(), now.replicas())
                && Objects.equals(before.readyReplicas(), now.readyReplicas())
                && Objects.equals(before.world(), now.world())
                && Objects.equals(losses(before), losses(now))
                && Objects.equals(before.avoidedNodes(), now.avoidedNodes())
                && Objects.equals(epochsSince(before), epochsSince(now))
                && Objects.equals(before.conditions(), now.conditions());
    }

    private static Optional<Long> epochsSince(SwavJobStatus status) {
        return Optional.ofNullable(status.progress()).map(SwavJobStatus.Progress::epochsSince);
    }

    /** Returns the ledger without goodput, which changes with time alone. */
    private static Optional<Ledger> losses(SwavJobStatus status) {
        return Optional.ofNullable(status.ledger())
                .map(ledger -> new Ledger(
                        null,
                        ledger.stepsLost(),
                        ledger.preemptions(),
                        ledger.failures(),
                        ledger.hangs(),
                        ledger.recentFailures(),
                        ledger.notFinite(),
                        ledger.divergences(),
                        ledger.resizes(),
                        ledger.secondsLostByCause(),
                        ledger.incidents()));
    }

    /** Contains only the name and the status: applying more would make the operator an owner of the user's spec. */
    private static SwavJob withStatus(SwavJob job, SwavJobStatus status) {
        SwavJob patch = new SwavJob();
        patch.setMetadata(new ObjectMetaBuilder()
                .withName(job.getMetadata().getName())
                .withNamespace(job.getMetadata().getNamespace())
                .build());
        patch.setStatus(status);
        return patch;
    }

    private void forget(SwavJob job) {
        executor.forget(job);
        queue.forget(job);
        silence.forget(job.getMetadata().getUid());
        metrics.forget(job);
        costs.ifPresent(annotations -> annotations.forget(job));
        progressDue.remove(job.getMetadata().getUid());
        events.forget(job);
    }
}
