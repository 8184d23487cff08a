package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Secret;
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
import java.net.HttpURLConnection;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out a plan, in an order in which the next plan corrects a crash at any point. */
final class PlanExecutor {
    private static final Logger LOG = LoggerFactory.getLogger(PlanExecutor.class);
    private static final Duration AFTER_REJECTION = Duration.ofSeconds(30);
    private static final int KEY_BYTES = 32;
    private static final int UNPROCESSABLE = 422;
    /** HTTP codes that reject this pod for good rather than at this moment. */
    private static final Set<Integer> REJECTION_CODES =
            Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, UNPROCESSABLE);

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
     */
    record ExecutionResult(boolean published, Optional<PodRejection> rejection, Optional<String> apiError) {}

    /**
     * A pod could not be created. Every report of a trainer causes a plan, so the same pod is not tried again with each
     * of them.
     *
     * @param reason of the condition Stalled
     * @param why for people, with the API server's message if it rejected the pod
     * @param generation metadata.generation of the job that asked for the pod: another generation may ask for a better
     *     one
     * @param until when it is tried again
     */
    record PodRejection(ConditionReason reason, String why, long generation, Instant until) {

        static PodRejection of(SwavJob job, ConditionReason reason, String why, Instant now) {
            return new PodRejection(reason, why, job.getMetadata().getGeneration(), now.plus(AFTER_REJECTION));
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
        try {
            boolean newGeneration = !job.getMetadata().getGeneration().equals(applied.get(uid(job)));
            boolean nowhereToReport = snapshot.progressMap().isEmpty(); // it was deleted, or is not cached yet
            if (!plan.create().isEmpty() || newGeneration || nowhereToReport) {
                applyDependents(job, accepted);
                applied.put(uid(job), job.getMetadata().getGeneration());
            }
            writeWorld(snapshot, plan);
            published = true;
            plan.forceDelete().forEach(pod -> delete(job, pod, true));
            createPods(snapshot, plan.create(), now).ifPresent(rejection -> rejections.put(uid(job), rejection));
            plan.delete().forEach(pod -> delete(job, pod, false));
            return new ExecutionResult(published, rejection(job, now), Optional.empty());
        } catch (ObjectSize.TooLargeException e) {
            PodRejection rejection =
                    PodRejection.of(job, ConditionReason.ObjectTooLarge, String.valueOf(e.getMessage()), now);
            rejections.put(uid(job), rejection);
            return new ExecutionResult(published, Optional.of(rejection), Optional.empty());
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // another write came in between: the retry sees it
            }
            LOG.warn("the API server returned an error, the next plan retries the rest: {}", message(e));
            return new ExecutionResult(published, Optional.empty(), Optional.of(message(e)));
        }
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
    private Optional<PodRejection> createPods(JobSnapshot snapshot, List<String> names, Instant now) {
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
            try {
                podCreated.accept(
                        client.resource(TrainerPod.of(job, template, name)).create());
            } catch (KubernetesClientException e) {
                if (REJECTION_CODES.contains(e.getCode()) || ObjectSize.isTooLarge(e)) {
                    return Optional.of(PodRejection.of(
                            job,
                            ConditionReason.PodRefused,
                            "The API server rejected the pod of spec.template: " + message(e),
                            now));
                }
                // an earlier job's pod has that name: the next plan takes the next number
                if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                    throw e;
                }
            }
        }
        return Optional.empty();
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
