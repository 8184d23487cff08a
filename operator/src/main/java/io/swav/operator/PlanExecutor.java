package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.StatusDetails;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionReason;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.World;
import io.swav.planner.ObservedPod;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldDecision;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out a plan, in an order in which the next plan corrects a crash at any point. */
final class PlanExecutor {
    private static final Logger LOG = LoggerFactory.getLogger(PlanExecutor.class);
    private static final int KEY_BYTES = 32;

    private final KubernetesClient client;
    private final Consumer<Pod> podCreated;
    private final Consumer<ConfigMap> mapWritten;
    private final SecureRandom random = new SecureRandom();
    /** metadata.generation of the job, by uid, for which this process has applied the dependents. */
    private final Map<String, Long> applied = new ConcurrentHashMap<>();
    /** The last rejection of each job, by uid. */
    private final Map<String, PodRejection> rejections = new ConcurrentHashMap<>();

    /**
     * Creates an executor.
     * @param podCreated and {@code mapWritten} update the caches at once, before the watch does
     */
    PlanExecutor(KubernetesClient client, Consumer<Pod> podCreated, Consumer<ConfigMap> mapWritten) {
        this.client = client;
        this.podCreated = podCreated;
        this.mapWritten = mapWritten;
    }

    /**
     * The outcome of a plan.
     *
     * @param published whether world and planner state were written, or needed no write
     * @param rejection the one in force, of this plan or an earlier one
     * @param apiError the API server's message if it failed at something else, which the next plan will try again
     * @param done what became of the plan's pods
     */
    record ExecutionResult(
            boolean published, Optional<PodRejection> rejection, Optional<String> apiError, PodChanges done) {

        ExecutionResult(boolean published, Optional<PodRejection> rejection, Optional<String> apiError) {
            this(published, rejection, apiError, new PodChanges());
        }

        ExecutionResult with(Optional<PodRejection> other) {
            return new ExecutionResult(published, rejection.or(() -> other), apiError, done);
        }
    }

    /**
     * The pods that were created, deleted, and deleted without a grace period, in this order of time. Those that no longer
     * existed are not among them.
     */
    record PodChanges(List<String> created, List<ObservedPod> deleted, List<ObservedPod> forced) {
        PodChanges() {
            this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        }
    }

    /** Returns the rejection in force. */
    Optional<PodRejection> rejection(SwavJob job, Instant now) {
        return Optional.ofNullable(rejections.get(uid(job)))
                .filter(last -> last.generation() == job.getMetadata().getGeneration() && now.isBefore(last.until()));
    }

    ExecutionResult execute(JobSnapshot snapshot, SwavJobSpec accepted, ReconcilePlan plan, Instant now) {
        SwavJob job = snapshot.job();
        boolean published = false;
        PodChanges done = new PodChanges();
        try {
            boolean newGeneration = !job.getMetadata().getGeneration().equals(applied.get(uid(job)));
            boolean nowhereToReport = snapshot.progressMap().isEmpty(); // it was deleted, or is not cached yet
            if (!plan.create().isEmpty() || newGeneration || nowhereToReport) {
                applyDependents(job, accepted);
                applied.put(uid(job), job.getMetadata().getGeneration());
            }
            writeWorld(snapshot, plan);
            published = true;
            for (ObservedPod pod : plan.forceDelete()) {
                delete(job, pod, true, done);
            }
            createPods(snapshot, plan.create(), done, now).ifPresent(rejection -> rejections.put(uid(job), rejection));
            for (ObservedPod pod : plan.delete()) {
                delete(job, pod, false, done);
            }
            return new ExecutionResult(published, rejection(job, now), Optional.empty(), done);
        } catch (KubernetesClientException e) {
            if (!published && ApiReasons.isConflict(e)) {
                throw e; // another write came in between: the retry sees it
            }
            LOG.warn("the API server returned an error, the next plan retries the rest: {}", message(e));
            return new ExecutionResult(published, Optional.empty(), Optional.of(message(e)), done);
        }
    }

    /**
     * Lets the pods of a job go that is being deleted while a finalizer keeps it: publishes the world without members, if
     * the job still has its map, and deletes the pods. No object is created.
     */
    void letGo(JobSnapshot snapshot, Optional<ReconcilePlan> plan) {
        if (plan.isPresent() && snapshot.worldMap().resourceVersion() != null) {
            writeWorld(snapshot, plan.get());
        }
        for (ObservedPod pod : snapshot.pods()) {
            if (pod.isRunning()) {
                delete(snapshot.job(), pod, false, new PodChanges());
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
        applied.remove(uid(job));
        rejections.remove(uid(job));
    }

    private void applyDependents(SwavJob job, SwavJobSpec accepted) {
        List<Pod> pods = client
                .pods()
                .inNamespace(job.getMetadata().getNamespace())
                .withLabel(ResourceNames.LABEL_JOB, job.getMetadata().getName())
                .list()
                .getItems()
                .stream()
                .filter(pod -> OwnerMetadata.isOwnedBy(pod, job))
                .toList();
        List.of(
                        TrainerRbac.account(job),
                        TrainerRbac.role(job),
                        TrainerRbac.binding(job, pods),
                        JobResources.progress(job))
                .forEach(this::apply);
        mapWritten.accept(apply(JobResources.config(job, accepted)));
    }

    /**
     * Creates the handshake key if there is none and no running trainer holds the previous one. Trainers read the key
     * once; a trainer with a different key would be Ready, enter the world, and be rejected by all its peers every
     * time.
     *
     * @return whether new pods will hold the same key as running ones
     */
    private boolean ensureHandshake(SwavJob job, List<ObservedPod> pods) {
        String name = ResourceNames.handshakeName(job.getMetadata().getName());
        Secret there = client.secrets()
                .inNamespace(job.getMetadata().getNamespace())
                .withName(name)
                .get();
        if (there != null && OwnerMetadata.isOwnedBy(there, job)) {
            return true;
        }
        if (pods.stream().anyMatch(ObservedPod::isAlive)) {
            return false;
        }
        byte[] key = new byte[KEY_BYTES];
        random.nextBytes(key);
        apply(JobResources.handshake(job, HexFormat.of().formatHex(key)));
        return true;
    }

    /** Writes world and planner state at once; the API server rejects the write if another one came in between. */
    private void writeWorld(JobSnapshot snapshot, ReconcilePlan plan) {
        World world = plan.world() instanceof WorldDecision.Regroup regroup
                ? regroup.next()
                : snapshot.worldMap().world();
        WorldConfigMap before = snapshot.worldMap();
        boolean same = world.equals(before.world())
                && plan.state().equals(before.state())
                && WorldConfigMap.request(snapshot.job()).equals(before.request())
                && WorldConfigMap.checkpointsSeen(snapshot.job()).equals(before.checkpointsSeen());
        if (same && before.resourceVersion() != null) {
            return;
        }
        mapWritten.accept(apply(WorldConfigMap.of(snapshot.job(), world, plan.state(), before.resourceVersion())));
    }

    /**
     * Creates pods from the job's present template, because the accepted spec is kept without one.
     *
     * @return why a pod could not be created
     */
    private Optional<PodRejection> createPods(JobSnapshot snapshot, List<String> names, PodChanges done, Instant now) {
        SwavJob job = snapshot.job();
        JsonNode template = job.getSpec().template();
        Optional<String> problem = TrainerPod.problem(template);
        if (names.isEmpty() || template == null || problem.isPresent()) {
            return problem.filter(why -> !names.isEmpty())
                    .map(why -> PodRejection.of(job, ConditionReason.PodRefused, why, now));
        }
        if (!ensureHandshake(job, snapshot.pods())) {
            return Optional.of(PodRejection.of(
                    job,
                    ConditionReason.HandshakeLost,
                    "Secret " + ResourceNames.handshakeName(job.getMetadata().getName())
                            + " was deleted. No new pods are created, because running trainers would reject a different"
                            + " key. Training continues. Restore the Secret, or suspend and resume the job to restart"
                            + " all pods from the last checkpoint with a new key.",
                    now));
        }
        for (String name : names) {
            Pod pod = TrainerPod.of(job, template, name);
            try {
                podCreated.accept(client.resource(pod).create());
                done.created().add(name);
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

    private void delete(SwavJob job, ObservedPod pod, boolean atOnce, PodChanges done) {
        var there = client.pods().inNamespace(job.getMetadata().getNamespace()).withName(pod.name());
        List<StatusDetails> deleted = atOnce ? there.withGracePeriod(0).delete() : there.delete();
        if (!deleted.isEmpty()) {
            (atOnce ? done.forced() : done.deleted()).add(pod);
        }
    }

    /**
     * Removes the reports of deleted pods from the progress map, which would otherwise grow with every pod. Called once
     * the status contains what they reported last.
     */
    void prune(JobSnapshot snapshot) {
        Map<String, String> data =
                snapshot.progressMap().map(ConfigMap::getData).orElse(Map.of());
        Set<String> pods = snapshot.pods().stream().map(ObservedPod::name).collect(Collectors.toSet());
        List<String> gone =
                data.keySet().stream().filter(pod -> !pods.contains(pod)).toList();
        if (gone.isEmpty()) {
            return;
        }
        String removals =
                gone.stream().map(pod -> "\"" + pod + "\":null").collect(Collectors.joining(",", "{\"data\":{", "}}"));
        SwavJob job = snapshot.job();
        client.configMaps()
                .inNamespace(job.getMetadata().getNamespace())
                .withName(ResourceNames.progressName(job.getMetadata().getName()))
                .patch(PatchContext.of(PatchType.JSON_MERGE), removals);
    }

    static String message(KubernetesClientException error) {
        String message = error.getStatus() == null
                ? error.getMessage()
                : error.getStatus().getMessage();
        return message == null ? "HTTP " + error.getCode() : message;
    }

    private <T extends HasMetadata> T apply(T object) {
        return client.resource(object)
                .fieldManager(OwnerMetadata.FIELD_MANAGER)
                .forceConflicts()
                .serverSideApply();
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
