package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.World;
import io.swav.planner.ObservedPod;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldDecision;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out a plan, in an order in which the next plan corrects a crash at any point. */
final class PlanExecutor {
    private static final Logger LOG = LoggerFactory.getLogger(PlanExecutor.class);

    private final KubernetesClient client;
    private final Consumer<Pod> podCreated;
    private final Consumer<ConfigMap> mapWritten;
    private final Supplier<List<Node>> nodes;
    private final Dependents dependents;
    private final HandshakeKeeper handshake;
    private final GangKeeper gangs;
    /** The last rejection of each job, by uid. */
    private final Map<String, PodRejection> rejections = new ConcurrentHashMap<>();

    /**
     * Creates an executor.
     * @param podCreated and {@code mapWritten} update the caches at once, before the watch does
     * @param nodes of the cluster, as far as they are cached
     */
    PlanExecutor(
            KubernetesClient client,
            Consumer<Pod> podCreated,
            Consumer<ConfigMap> mapWritten,
            Supplier<List<Node>> nodes,
            Dependents dependents,
            HandshakeKeeper handshake,
            GangKeeper gangs) {
        this.client = client;
        this.nodes = nodes;
        this.podCreated = podCreated;
        this.mapWritten = mapWritten;
        this.dependents = dependents;
        this.handshake = handshake;
        this.gangs = gangs;
    }

    /**
     * The outcome of a plan.
     *
     * @param published whether world and planner state were written, or needed no write
     * @param created names of the pods whose creation the API server confirmed
     * @param rejection the one in force, of this plan or an earlier one
     * @param apiError the API server's message if it failed at something else, which the next plan will try again
     */
    record ExecutionResult(
            boolean published, Set<String> created, Optional<PodRejection> rejection, Optional<String> apiError) {
        ExecutionResult with(Optional<PodRejection> other) {
            return new ExecutionResult(published, created, rejection.or(() -> other), apiError);
        }
    }

    /** Returns the rejection in force. */
    Optional<PodRejection> rejection(SwavJob job, Instant now) {
        return dependents
                .obstruction(job, now)
                .or(() -> handshake.problem(job, now))
                .or(() -> gangs.problem(job, now))
                .or(() -> Optional.ofNullable(rejections.get(uid(job))).filter(last -> last.isInForce(job, now)));
    }

    /** Returns when to look at objects of the job again that are not watched, or should not be written yet. */
    Optional<Instant> recheckAt(SwavJob job, Instant now) {
        return Stream.of(dependents.recheckAt(job), handshake.recheckAt(job), gangs.recheckAt(job))
                .flatMap(Optional::stream)
                .filter(now::isBefore) // one that is due was not made because of an error or obstacle, which has
                // its own time
                .min(Comparator.naturalOrder());
    }

    /** @param owed the Events of earlier plans that are still to be told, and those of this one */
    ExecutionResult execute(JobSnapshot snapshot, SwavJobSpec accepted, ReconcilePlan plan, Outbox owed, Instant now) {
        SwavJob job = snapshot.job();
        boolean published = false;
        Set<String> created = new HashSet<>();
        try {
            Dependents.Result objects = dependents.putRight(snapshot, accepted, now);
            if (!snapshot.worldMap().condition().isOurs()) {
                return new ExecutionResult(false, created, rejection(job, now), objects.error());
            }
            boolean mayCreate =
                    objects.obstruction().isEmpty() && objects.error().isEmpty();
            HandshakeKeeper.HandshakeKey key =
                    handshake.check(snapshot, mayCreate && !plan.create().isEmpty(), now);
            writeWorld(snapshot, plan, key.digest(), owed);
            published = true;
            for (ObservedPod pod : plan.forceDelete()) {
                delete(job, pod, true);
            }
            boolean needsGroup = mayCreate && key.isUsable() && !plan.create().isEmpty();
            GangKeeper.GangStart gang = gangs.check(snapshot, accepted, needsGroup, now);
            if (mayCreate && key.isUsable() && gang.isUsable()) {
                createPods(snapshot, plan, gang, created, now)
                        .ifPresent(rejection -> rejections.put(uid(job), rejection));
            }
            for (ObservedPod pod : plan.delete()) {
                delete(job, pod, false);
            }
            return new ExecutionResult(
                    published,
                    created,
                    rejection(job, now),
                    objects.error().or(key::error).or(gang::error));
        } catch (ObjectSize.TooLargeException e) {
            PodRejection rejection =
                    PodRejection.of(job, ConditionReason.ObjectTooLarge, String.valueOf(e.getMessage()), now);
            rejections.put(uid(job), rejection);
            return new ExecutionResult(published, created, Optional.of(rejection), Optional.empty());
        } catch (KubernetesClientException e) {
            if (!published && ApiReasons.isConflict(e)) {
                throw e; // another write came in between: the retry sees it
            }
            LOG.warn("the API server returned an error, the next plan retries the rest: {}", message(e));
            return new ExecutionResult(published, created, Optional.empty(), Optional.of(message(e)));
        }
    }

    /**
     * Lets the pods of a job go that is being deleted while a finalizer keeps it: publishes the world without members, if
     * the job still has its map, and deletes the pods. No object is created.
     */
    void letGo(JobSnapshot snapshot, Optional<ReconcilePlan> plan) {
        WorldConfigMap map = snapshot.worldMap();
        if (plan.isPresent() && map.resourceVersion() != null && map.condition() == WorldConfigMap.Condition.INTACT) {
            writeWorld(snapshot, plan.get(), map.entries().handshake(), map.outbox());
        }
        for (ObservedPod pod : snapshot.pods()) {
            if (pod.isRunning()) {
                delete(snapshot.job(), pod, false);
            }
        }
    }

    /** Deletes the pods of a job that is being deleted although its world cannot be read. */
    void deletePods(SwavJob job, Collection<Pod> pods) {
        pods.stream()
                .filter(pod ->
                        OwnerMetadata.isOwnedBy(pod, job) && pod.getMetadata().getDeletionTimestamp() == null)
                .forEach(pod -> client.resource(pod).delete());
    }

    void forget(SwavJob job) {
        dependents.forget(job);
        handshake.forget(job);
        gangs.forget(job);
        rejections.remove(uid(job));
    }

    /** Writes world and planner state at once; the API server rejects the write if another one came in between. */
    private void writeWorld(JobSnapshot snapshot, ReconcilePlan plan, String keyDigest, Outbox owed) {
        SwavJob job = snapshot.job();
        WorldConfigMap before = snapshot.worldMap();
        World world = plan.world() instanceof WorldDecision.Regroup regroup ? regroup.next() : before.world();
        WorldConfigMap.Entries entries = WorldConfigMap.Entries.of(
                        job, AcceptedSpec.toStore(snapshot), keyDigest, snapshot.reportRules())
                .withOutbox(before.entries().outbox()); // what was told stays until something else is written
        boolean same =
                world.equals(before.world()) && plan.state().equals(before.state()) && entries.equals(before.entries());
        if (same
                && before.condition() == WorldConfigMap.Condition.INTACT
                && !before.outbox().lacks(owed.notes())) {
            return;
        }
        String version = before.resourceVersion();
        if (before.condition() == WorldConfigMap.Condition.IMMUTABLE) {
            client.resource(WorldConfigMap.empty(job))
                    .lockResourceVersion(before.resourceVersion())
                    .delete();
            version = null;
        }
        if (version == null) { // created by a request that fails if the name is taken
            version = client.resource(WorldConfigMap.empty(job))
                    .create()
                    .getMetadata()
                    .getResourceVersion();
        }
        mapWritten.accept(
                apply(WorldConfigMap.of(job, world, plan.state(), entries.withOutbox(owed.stored()), version)));
    }

    /**
     * Creates pods from the job's present template, because the accepted spec is kept without one.
     *
     * @param created gets the names of those that the API server confirms
     * @return why a pod could not be created
     */
    private Optional<PodRejection> createPods(
            JobSnapshot snapshot, ReconcilePlan plan, GangKeeper.GangStart gang, Set<String> created, Instant now) {
        List<String> names = plan.create();
        SwavJob job = snapshot.job();
        JsonNode template = job.getSpec().template();
        Optional<String> problem = TrainerPod.problem(template);
        if (names.isEmpty() || template == null || problem.isPresent()) {
            return problem.filter(why -> !names.isEmpty())
                    .map(why -> PodRejection.of(job, ConditionReason.PodRefused, why, now));
        }
        for (String name : names) {
            Pod pod = TrainerPod.of(job, template, name);
            Optional<String> misplaced = place(snapshot.queue(), pod);
            if (misplaced.isPresent()) {
                return misplaced.map(why -> PodRejection.of(job, ConditionReason.QueueUnavailable, why, now));
            }
            try {
                gang.mark(job, pod);
                AvoidedNodes.keepOff(pod, plan.nodes().names(), plan.nodes().strict(), nodes.get());
                podCreated.accept(client.resource(pod).create());
                created.add(name);
            } catch (KubernetesClientException e) {
                Optional<PodRejection> rejection = PodRejection.of(job, e, now);
                if (rejection.isPresent()) {
                    return rejection;
                }
                if (!ApiReasons.isAlreadyThere(e)) {
                    throw e;
                }
                takeNote(job, client.resource(pod).get());
            }
        }
        return Optional.empty();
    }

    /** Adds what Kueue wants of the pods of an admitted job; returns why that is impossible. */
    private static Optional<String> place(QueueState queue, Pod pod) {
        if (queue.isQueued()) {
            AdmittedPodSet.withoutQueueLabel(pod);
        }
        return queue instanceof QueueState.Admitted admitted
                ? admitted.placement()
                        .addTo(pod)
                        .map(conflict -> "No pod is created where Kueue admitted the job: " + conflict
                                + ". Change spec.template, or what asks for it")
                : Optional.empty();
    }

    /** A pod of this job was created before, and the cache does not have it yet; another's costs its number. */
    private void takeNote(SwavJob job, @Nullable Pod there) {
        if (there != null && OwnerMetadata.isOwnedBy(there, job)) {
            podCreated.accept(there);
        } else if (there != null) {
            LOG.warn(
                    "pod {} belongs to something else; the next plan takes the next number",
                    there.getMetadata().getName());
        }
    }

    private void delete(SwavJob job, ObservedPod pod, boolean atOnce) {
        var there = client.pods().inNamespace(job.getMetadata().getNamespace()).withName(pod.name());
        if (atOnce) {
            there.withGracePeriod(0).delete();
        } else {
            there.delete();
        }
    }

    /**
     * Removes the reports of deleted pods from the progress maps, which would otherwise grow with every pod. Called once
     * the status contains what they reported last.
     */
    void prune(JobSnapshot snapshot) {
        Set<String> pods = snapshot.pods().stream().map(ObservedPod::name).collect(Collectors.toSet());
        snapshot.progressMaps().stream()
                .filter(map -> Ownership.of(map, snapshot.job()) == Ownership.OURS)
                .forEach(map -> prune(map, pods));
    }

    private void prune(ConfigMap map, Set<String> pods) {
        List<String> gone = Optional.ofNullable(map.getData()).orElse(Map.of()).keySet().stream()
                .filter(pod -> !pods.contains(pod))
                .toList();
        if (gone.isEmpty()) {
            return;
        }
        String removals =
                gone.stream().map(pod -> "\"" + pod + "\":null").collect(Collectors.joining(",", "{\"data\":{", "}}"));
        client.configMaps()
                .inNamespace(map.getMetadata().getNamespace())
                .withName(map.getMetadata().getName())
                .patch(PatchContext.of(PatchType.JSON_MERGE), removals);
    }

    static String message(KubernetesClientException error) {
        String message = error.getStatus() == null
                ? error.getMessage()
                : error.getStatus().getMessage();
        return message == null ? "HTTP " + error.getCode() : message;
    }

    private <T extends HasMetadata> T apply(T object) {
        try {
            return client.resource(object)
                    .fieldManager(OwnerMetadata.FIELD_MANAGER)
                    .forceConflicts()
                    .serverSideApply();
        } catch (KubernetesClientException e) {
            throw ObjectSize.isTooLarge(e) ? new ObjectSize.TooLargeException(object, e) : e;
        }
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
