package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.scheduling.v1.PriorityClass;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.operator.QueueDecision.Write;
import io.swav.planner.JobPolicy;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodState;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Queues jobs that name a queue of Kueue: reads and writes the Workload of each, as {@link QueueDecision} decides. A write that
 * fails changes nothing about what may run, and is tried again.
 */
final class KueueQueue {
    private static final Logger LOG = LoggerFactory.getLogger(KueueQueue.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration AFTER_ERROR = Duration.ofSeconds(1);
    private static final Duration FLAVOR_LIFE = Duration.ofMinutes(1);
    private static final int FLAVORS = 64;

    private final KubernetesClient client;
    private final KueueApi api;
    private final Dependents.Journal journal;
    private final PutBackLimit limit = new PutBackLimit();
    private final ExpiringCache<String, Optional<AdmittedPodSet.Addition>> flavors =
            new ExpiringCache<>(FLAVORS, FLAVOR_LIFE, System::nanoTime);
    /** By uid of the job: when to try again, or look again at what is not watched. */
    private final Map<String, Instant> recheckAt = new ConcurrentHashMap<>();

    KueueQueue(KubernetesClient client, Dependents.Journal journal) {
        this.client = client;
        this.api = new KueueApi(client);
        this.journal = journal;
    }

    /** Returns when to reconcile the job although nothing has changed. */
    Optional<Instant> recheckAt(SwavJob job) {
        return Optional.ofNullable(recheckAt.get(uid(job)));
    }

    /** Returns the job's Workload, as it was seen last; empty if it has none. */
    Optional<GenericKubernetesResource> workload(SwavJob job) {
        return WorkloadRequest.queue(job)
                .flatMap(queue -> api.cached(id(job)))
                .filter(found -> Ownership.of(found, job) == Ownership.OURS);
    }

    /** Applies a merge patch to a Workload. */
    void patch(GenericKubernetesResource workload, ObjectNode patch) {
        api.patch(workload.getApiVersion(), workload, patch, false);
    }

    void forget(SwavJob job) {
        recheckAt.remove(uid(job));
    }

    /** Deletes the Workload of a job that is being deleted, while a finalizer keeps it, once its pods are gone. */
    void letGo(JobSnapshot snapshot, Context<SwavJob> context) {
        if (isConcerned(snapshot.job()) && left(snapshot) == 0) {
            try {
                api.version(context)
                        .ifPresent(version ->
                                owned(snapshot.job(), version).ifPresent(workload -> api.delete(version, workload)));
            } catch (KubernetesClientException e) {
                LOG.warn("cannot delete the Workload, which goes with the job: {}", PlanExecutor.message(e));
            }
        }
    }

    private Optional<GenericKubernetesResource> owned(SwavJob job, String version) {
        return find(job, version).filter(found -> Ownership.of(found, job) == Ownership.OURS);
    }

    /** Finds out what Kueue lets the job run, and brings its Workload up to date. */
    QueueState check(JobSnapshot snapshot, Context<SwavJob> context, Instant now) {
        SwavJob job = snapshot.job();
        recheckAt.remove(uid(job));
        if (!isConcerned(job)) {
            return new QueueState.NotQueued();
        }
        try {
            Optional<String> version = api.version(context);
            if (version.isEmpty()) {
                return WorkloadRequest.queue(job).isEmpty() ? new QueueState.NotQueued() : notServed(job, now);
            }
            if (!api.synced(job.getMetadata().getNamespace())) {
                again(job, now.plus(AFTER_ERROR));
                return unknown(job, "the Workloads of the namespace have not been read yet", now);
            }
            return check(snapshot, version.get(), now);
        } catch (KubernetesClientException e) {
            LOG.warn("cannot read from Kueue's API: {}", PlanExecutor.message(e));
            again(job, now.plus(e.getCode() == HttpURLConnection.HTTP_FORBIDDEN ? KueueApi.ASK_EVERY : AFTER_ERROR));
            return e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                    ? forbidden(job, e, now)
                    : unknown(job, PlanExecutor.message(e), now);
        }
    }

    /** Whether the job names a queue, or did when its status was written. */
    private static boolean isConcerned(SwavJob job) {
        return WorkloadRequest.queue(job).isPresent()
                || Optional.ofNullable(job.getStatus())
                        .flatMap(status -> status.condition(ConditionType.Admitted))
                        .isPresent();
    }

    private QueueState check(JobSnapshot snapshot, String version, Instant now) {
        SwavJob job = snapshot.job();
        Optional<String> queue = WorkloadRequest.queue(job);
        Optional<GenericKubernetesResource> found = find(job, version);
        Optional<Ownership> owner = found.map(workload -> Ownership.of(workload, job));
        if (queue.isEmpty()) {
            found.filter(workload -> owner.get() == Ownership.OURS)
                    .ifPresent(workload -> api.delete(version, workload));
            return new QueueState.NotQueued();
        }
        if (owner.isPresent() && owner.get() != Ownership.OURS) {
            again(job, now.plus(NameConflict.RECHECK_EVERY));
            NameConflict conflict = new NameConflict(found.get(), new DependentCheck.Leave(owner.get()));
            return new QueueState.Unavailable(NameConflict.rejection(job, List.of(conflict), now));
        }
        QueueDecision decision = QueueDecision.decide(facts(snapshot, queue.get()), found.map(KueueWorkload::of));
        QueueState state = decision.state() instanceof QueueState.Admitted admitted
                ? withFlavors(job, version, admitted, now)
                : decision.state();
        return write(job, version, found, decision.write(), now)
                .map(failure -> afterError(job, state, failure, now))
                .orElse(state);
    }

    private static QueueDecision.Job facts(JobSnapshot snapshot, String queue) {
        SwavJob job = snapshot.job();
        JsonNode template = job.getSpec() == null ? null : job.getSpec().template();
        Optional<WorkloadRequest> request =
                template == null || TrainerPod.problem(template).isPresent()
                        ? Optional.empty()
                        : snapshot.accepted().map(spec -> WorkloadRequest.of(job, template, queue, JobPolicy.of(spec)));
        return new QueueDecision.Job(
                request,
                snapshot.accepted().filter(spec -> spec.suspend()).isPresent(),
                left(snapshot),
                (int) snapshot.pods().stream()
                        .filter(pod -> pod.state() instanceof PodState.Ready)
                        .count(),
                Optional.ofNullable(snapshot.worldMap().state().progress().end()));
    }

    private static int left(JobSnapshot snapshot) {
        return (int) snapshot.pods().stream().filter(pod -> isLeft(pod)).count();
    }

    private static boolean isLeft(ObservedPod pod) {
        return JobDeletion.isLeft(pod) || pod.isRunning();
    }

    private Optional<GenericKubernetesResource> find(SwavJob job, String version) {
        return api.find(version, id(job));
    }

    private static ResourceID id(SwavJob job) {
        return new ResourceID(
                KueueWorkload.name(job.getMetadata().getName()),
                job.getMetadata().getNamespace());
    }

    // ---- writing ------------------------------------------------------------------------------------------------

    /**
     * A write that failed.
     *
     * @param needsAction whether it will fail again until a person has acted
     */
    private record Failure(String why, boolean needsAction) {}

    /** Returns the API server's words if it refused the write. */
    private Optional<Failure> write(
            SwavJob job, String version, Optional<GenericKubernetesResource> found, Write write, Instant now) {
        try {
            if (found.isPresent() && putBackMetadata(job, version, found.get(), now)) {
                again(job, now.plus(AFTER_ERROR));
                return Optional.empty();
            }
            if (write instanceof QueueDecision.Submit submit) {
                api.create(version, submit.request().toCreate(job, version, priority(version, submit.request())));
            } else if (write instanceof QueueDecision.Delete && found.isPresent()) {
                api.delete(version, found.get());
            } else if (write instanceof QueueDecision.Ask ask && found.isPresent()) {
                ask(job, version, found.get(), ask.request(), now);
            } else if (write instanceof QueueDecision.Shrink shrink && found.isPresent()) {
                shrink(version, found.get(), shrink.pods(), now);
            } else if (found.isPresent()) {
                WorkloadStatusPatch.of(KueueWorkload.of(found.get()), write, version, now)
                        .ifPresent(patch -> api.patch(version, found.get(), patch, true));
            }
            return Optional.empty();
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) { // the cache is behind
                again(job, now.plus(AFTER_ERROR));
                return Optional.empty();
            }
            LOG.warn("the Workload cannot be written: {}", PlanExecutor.message(e));
            again(job, now.plus(AFTER_ERROR));
            return Optional.of(new Failure(
                    "The Workload cannot be written, which is tried again: " + PlanExecutor.message(e),
                    !SwavJobReconciler.isOutage(e)));
        } catch (MissingClassException e) {
            again(job, now.plus(NameConflict.RECHECK_EVERY));
            return Optional.of(new Failure(String.valueOf(e.getMessage()), true));
        }
    }

    /** Returns whether the Workload was changed, so that what was read of it is out of date. */
    private boolean putBackMetadata(SwavJob job, String version, GenericKubernetesResource workload, Instant now) {
        ObjectNode patch = DependentCheck.metadataPatch(WorkloadRequest.metadata(job), workload.getMetadata());
        if (patch.isEmpty() || !mayPutBack(job, now)) {
            return false;
        }
        api.patch(version, workload, patch, false);
        limit.putBack(uid(job), now);
        journal.restored(
                job,
                "Workload " + workload.getMetadata().getName()
                        + " was changed (labels or owner). The operator put it back: it is part of the job",
                now);
        return true;
    }

    private void ask(
            SwavJob job, String version, GenericKubernetesResource workload, WorkloadRequest request, Instant now) {
        if (!mayPutBack(job, now)) {
            return;
        }
        limit.putBack(uid(job), now); // also if the job has changed: what the API server adds must not cause a loop
        ObjectNode patch = JSON.createObjectNode();
        patch.set("spec", request.spec(version, priority(version, request)));
        for (String field : List.of("priorityClassName", "priorityClassSource", "priorityClassRef", "priority")) {
            if (!patch.path("spec").has(field) && isKnown(field, version)) {
                patch.withObject("/spec").putNull(field);
            }
        }
        api.patch(version, workload, patch, false);
    }

    private void shrink(String version, GenericKubernetesResource workload, int pods, Instant now) {
        KueueWorkload view = KueueWorkload.of(workload);
        if (!api.shrink(version, workload, view.podSetOf(pods))) {
            WorkloadStatusPatch.of(view, new QueueDecision.Reclaim(view.count() - pods), version, now)
                    .ifPresent(patch -> api.patch(version, workload, patch, true));
        }
    }

    private static boolean isKnown(String field, String version) {
        return field.equals("priority") || field.equals("priorityClassRef") != version.endsWith("/v1beta1");
    }

    private boolean mayPutBack(SwavJob job, Instant now) {
        Optional<Instant> notBefore = limit.notBefore(uid(job), now);
        notBefore.ifPresent(time -> again(job, time));
        return notBefore.isEmpty();
    }

    // ---- what a Workload refers to ------------------------------------------------------------------------------

    /** States that a priority class does not exist. */
    private static final class MissingClassException extends RuntimeException {
        private static final long serialVersionUID = 1;

        MissingClassException(WorkloadRequest.PriorityClassName name) {
            super("The job is not queued: " + name.kind() + " " + name.name() + " does not exist. Create it, or "
                    + (name.isOfWorkloads()
                            ? "change the job's label " + KueueWorkload.PRIORITY_LABEL
                            : "change spec.template.spec.priorityClassName"));
        }
    }

    private Optional<Integer> priority(String version, WorkloadRequest request) {
        return request.priority().map(name -> {
            Optional<Integer> value = name.isOfWorkloads()
                    ? api.get(version, name.kind(), "workloadpriorityclasses", name.name())
                            .map(found -> ((Number) found.get("value")).intValue())
                    : Optional.ofNullable(client.scheduling()
                                    .v1()
                                    .priorityClasses()
                                    .withName(name.name())
                                    .get())
                            .map(PriorityClass::getValue);
            return value.orElseThrow(() -> new MissingClassException(name));
        });
    }

    private QueueState withFlavors(SwavJob job, String version, QueueState.Admitted admitted, Instant now) {
        List<String> missing = admitted.placement().flavors().stream()
                .filter(name -> flavor(version, name).isEmpty())
                .toList();
        if (!missing.isEmpty()) {
            again(job, now.plus(FLAVOR_LIFE));
            return unavailable(
                    job,
                    "Kueue admitted the job to ResourceFlavor " + String.join(", ", missing)
                            + ", which does not exist, so that it is unknown on which nodes pods may run: none is created."
                            + " Create it again, or delete the Workload to queue the job anew",
                    now);
        }
        List<AdmittedPodSet.Addition> additions = admitted.placement().flavors().stream()
                .sorted()
                .flatMap(name -> flavor(version, name).stream())
                .toList();
        return new QueueState.Admitted(
                admitted.pods(), admitted.why(), admitted.placement().with(additions));
    }

    private Optional<AdmittedPodSet.Addition> flavor(String version, String name) {
        return flavors.get(
                name,
                () -> api.get(version, "ResourceFlavor", "resourceflavors", name)
                        .map(flavor -> KueueWorkload.ofFlavor(name, flavor)));
    }

    // ---- what people are told -----------------------------------------------------------------------------------

    private static QueueState afterError(SwavJob job, QueueState state, Failure failure, Instant now) {
        if (state instanceof QueueState.Withheld withheld) {
            return new QueueState.Withheld(
                    failure.needsAction() ? ConditionReason.QueueUnavailable : withheld.reason(),
                    HumanFormat.sentences(withheld.why(), failure.why()),
                    failure.needsAction());
        }
        return state instanceof QueueState.Admitted admitted
                ? new QueueState.Admitted(
                        admitted.pods(), HumanFormat.sentences(admitted.why(), failure.why()), admitted.placement())
                : unavailable(job, failure.why(), now);
    }

    private QueueState notServed(SwavJob job, Instant now) {
        again(job, now.plus(KueueApi.ASK_EVERY));
        return unavailable(
                job,
                "The job's label " + KueueWorkload.QUEUE_LABEL
                        + " asks for a queue of Kueue, but the API server serves no"
                        + " Workload of " + KueueWorkload.GROUP
                        + "/v1beta2 or v1beta1. No pods are created, and trainers"
                        + " that run train on. Install Kueue, which is noticed within " + KueueApi.ASK_EVERY.toSeconds()
                        + " s, or remove the label to run the job without a queue",
                now);
    }

    private static QueueState forbidden(SwavJob job, KubernetesClientException e, Instant now) {
        return unavailable(
                job,
                "The operator may not use Kueue's API, so the job cannot be queued: no pods are created, and trainers that"
                        + " run train on. Grant it with the chart's value kueue.enabled: " + PlanExecutor.message(e),
                now);
    }

    private static QueueState unknown(SwavJob job, String why, Instant now) {
        return new QueueState.Unavailable(PodRejection.of(
                job, ConditionReason.Waiting, "It is unknown whether Kueue has admitted the job: " + why, now));
    }

    private static QueueState unavailable(SwavJob job, String why, Instant now) {
        return new QueueState.Unavailable(PodRejection.of(job, ConditionReason.QueueUnavailable, why, now));
    }

    private void again(SwavJob job, Instant at) {
        recheckAt.merge(uid(job), at, (a, b) -> a.isBefore(b) ? a : b);
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
