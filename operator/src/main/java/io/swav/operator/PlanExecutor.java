package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
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
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out a plan, in an order in which the next plan corrects a crash at any point. */
final class PlanExecutor {
    private static final Logger LOG = LoggerFactory.getLogger(PlanExecutor.class);
    private static final Duration AFTER_REJECTION = Duration.ofSeconds(30);
    private static final int UNPROCESSABLE = 422;
    /** HTTP codes that reject this pod for good rather than at this moment. */
    private static final Set<Integer> REJECTION_CODES =
            Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, UNPROCESSABLE);

    private final KubernetesClient client;
    private final Consumer<Pod> podCreated;
    private final Consumer<ConfigMap> mapWritten;
    private final Dependents dependents;
    private final HandshakeKeeper handshake;
    /** The last rejection of each job, by uid. */
    private final Map<String, PodRejection> rejections = new ConcurrentHashMap<>();

    /**
     * Creates an executor.
     * @param podCreated and {@code mapWritten} update the caches at once, before the watch does
     */
    PlanExecutor(
            KubernetesClient client,
            Consumer<Pod> podCreated,
            Consumer<ConfigMap> mapWritten,
            Dependents dependents,
            HandshakeKeeper handshake) {
        this.client = client;
        this.podCreated = podCreated;
        this.mapWritten = mapWritten;
        this.dependents = dependents;
        this.handshake = handshake;
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

        boolean isInForce(SwavJob job, Instant now) {
            return generation == job.getMetadata().getGeneration() && now.isBefore(until);
        }

        /** Whether a person has to act. */
        boolean needsAction() {
            return reason != ConditionReason.Waiting;
        }
    }

    /** Returns the rejection in force. */
    Optional<PodRejection> rejection(SwavJob job, Instant now) {
        return dependents
                .obstruction(job, now)
                .or(() -> handshake.problem(job, now))
                .or(() -> Optional.ofNullable(rejections.get(uid(job))).filter(last -> last.isInForce(job, now)));
    }

    /** Returns when to look at objects of the job again that are not watched, or should not be written yet. */
    Optional<Instant> recheckAt(SwavJob job) {
        return Stream.concat(dependents.recheckAt(job).stream(), handshake.recheckAt(job).stream())
                .min(Comparator.naturalOrder());
    }

    ExecutionResult execute(JobSnapshot snapshot, SwavJobSpec accepted, ReconcilePlan plan, Instant now) {
        SwavJob job = snapshot.job();
        boolean published = false;
        try {
            Dependents.Result objects = dependents.putRight(snapshot, accepted, now);
            if (!snapshot.worldMap().condition().isOurs()) {
                return new ExecutionResult(false, rejection(job, now), objects.error());
            }
            boolean mayCreate =
                    objects.obstruction().isEmpty() && objects.error().isEmpty();
            HandshakeKeeper.HandshakeKey key =
                    handshake.check(snapshot, mayCreate && !plan.create().isEmpty(), now);
            writeWorld(snapshot, plan, key.digest());
            published = true;
            plan.forceDelete().forEach(pod -> delete(job, pod, true));
            if (mayCreate && key.isUsable()) {
                createPods(snapshot, plan.create(), now).ifPresent(rejection -> rejections.put(uid(job), rejection));
            }
            plan.delete().forEach(pod -> delete(job, pod, false));
            return new ExecutionResult(
                    published, rejection(job, now), objects.error().or(key::error));
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // another write came in between: the retry sees it
            }
            LOG.warn("the API server returned an error, the next plan retries the rest: {}", message(e));
            return new ExecutionResult(published, Optional.empty(), Optional.of(message(e)));
        }
    }

    void forget(SwavJob job) {
        dependents.forget(job);
        handshake.forget(job);
        rejections.remove(uid(job));
    }

    /** Writes world and planner state at once; the API server rejects the write if another one came in between. */
    private void writeWorld(JobSnapshot snapshot, ReconcilePlan plan, String keyDigest) {
        SwavJob job = snapshot.job();
        WorldConfigMap before = snapshot.worldMap();
        World world = plan.world() instanceof WorldDecision.Regroup regroup ? regroup.next() : before.world();
        WorldConfigMap.Entries entries = WorldConfigMap.Entries.of(job, AcceptedSpec.toStore(snapshot), keyDigest);
        boolean same =
                world.equals(before.world()) && plan.state().equals(before.state()) && entries.equals(before.entries());
        if (same && before.condition() == WorldConfigMap.Condition.INTACT) {
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
        mapWritten.accept(apply(WorldConfigMap.of(job, world, plan.state(), entries, version)));
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
        for (String name : names) {
            try {
                podCreated.accept(
                        client.resource(TrainerPod.of(job, template, name)).create());
            } catch (KubernetesClientException e) {
                if (REJECTION_CODES.contains(e.getCode())) {
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
        Map<String, String> data = snapshot.progressMap()
                .filter(map -> Ownership.of(map, snapshot.job()) == Ownership.OURS)
                .map(ConfigMap::getData)
                .orElse(Map.of());
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
