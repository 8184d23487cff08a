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

/** Makes a plan true, in an order in which a crash at any point is mended by the next plan. */
final class PlanExecutor {
    private static final Logger LOG = LoggerFactory.getLogger(PlanExecutor.class);
    private static final Duration AFTER_REJECTION = Duration.ofSeconds(30);
    private static final int KEY_BYTES = 32;
    private static final int UNPROCESSABLE = 422;
    /** Answers that say no to this pod rather than to this moment. */
    private static final Set<Integer> REJECTION_CODES =
            Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, UNPROCESSABLE);

    private final KubernetesClient client;
    private final Consumer<Pod> podCreated;
    private final Consumer<ConfigMap> mapWritten;
    private final SecureRandom random = new SecureRandom();
    /** metadata.generation of the job, by uid, for which its dependents were applied by this process. */
    private final Map<String, Long> applied = new ConcurrentHashMap<>();
    /** The last of each job, by uid. */
    private final Map<String, PodRejection> rejections = new ConcurrentHashMap<>();

    /** @param podCreated and {@code mapWritten} tell the caches at once what the watch will tell later */
    PlanExecutor(KubernetesClient client, Consumer<Pod> podCreated, Consumer<ConfigMap> mapWritten) {
        this.client = client;
        this.podCreated = podCreated;
        this.mapWritten = mapWritten;
    }

    /**
     * What came of a plan.
     *
     * @param published whether world and state were written, or needed no writing
     * @param refusal the one that stands, of this plan or an earlier one
     * @param trouble the API server's words when it failed at something else, which the next plan will try again
     */
    record ExecutionResult(boolean published, Optional<PodRejection> rejection, Optional<String> apiError) {}

    /**
     * No pod could be made. Every report of a trainer brings a plan, so the same pod is not tried again with each of
     * them.
     *
     * @param reason of the condition Stalled
     * @param why for people, with the API server's words where it refused
     * @param generation metadata.generation of the job that asked for the pod: another may ask for a better one
     * @param until when it is tried again
     */
    record PodRejection(ConditionReason reason, String why, long generation, Instant until) {

        static PodRejection of(SwavJob job, ConditionReason reason, String why, Instant now) {
            return new PodRejection(reason, why, job.getMetadata().getGeneration(), now.plus(AFTER_REJECTION));
        }
    }

    /** The one that stands. */
    Optional<PodRejection> rejection(SwavJob job, Instant now) {
        return Optional.ofNullable(rejections.get(uid(job)))
                .filter(last -> last.generation() == job.getMetadata().getGeneration() && now.isBefore(last.until()));
    }

    ExecutionResult execute(JobSnapshot snapshot, SwavJobSpec accepted, ReconcilePlan plan, Instant now) {
        SwavJob job = snapshot.job();
        boolean published = false;
        try {
            boolean newGeneration = !job.getMetadata().getGeneration().equals(applied.get(uid(job)));
            if (!plan.create().isEmpty() || newGeneration) {
                applyDependents(job, accepted);
                applied.put(uid(job), job.getMetadata().getGeneration());
            }
            writeWorld(snapshot, plan);
            published = true;
            plan.forceDelete().forEach(pod -> delete(job, pod, true));
            createPods(snapshot, plan.create(), now).ifPresent(rejection -> rejections.put(uid(job), rejection));
            plan.delete().forEach(pod -> delete(job, pod, false));
            return new ExecutionResult(published, rejection(job, now), Optional.empty());
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // somebody wrote in between: the retry sees it
            }
            LOG.warn("the plan is not done yet: {}", message(e));
            return new ExecutionResult(published, Optional.empty(), Optional.of(message(e)));
        }
    }

    void forget(SwavJob job) {
        applied.remove(uid(job));
        rejections.remove(uid(job));
    }

    private void applyDependents(SwavJob job, SwavJobSpec accepted) {
        List.of(TrainerRbac.account(job), TrainerRbac.role(job), TrainerRbac.binding(job), JobResources.progress(job))
                .forEach(this::apply);
        mapWritten.accept(apply(JobResources.config(job, accepted)));
    }

    /**
     * Makes the key where there is none, and no trainer that holds the one before: trainers read it once, and one with
     * another key would be Ready, enter the world, and be refused by all its peers for ever.
     *
     * @return whether new pods will hold the key of those that live
     */
    private boolean ensureHandshake(SwavJob job, List<ObservedPod> pods) {
        String name = ResourceNames.handshakeName(job.getMetadata().getName());
        Secret there = client.secrets()
                .inNamespace(job.getMetadata().getNamespace())
                .withName(name)
                .get();
        boolean ours = there != null
                && there.getMetadata().getOwnerReferences().stream()
                        .anyMatch(owner -> owner.getUid().equals(uid(job)));
        if (ours) {
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

    /** World and state in one write, refused by the API server when somebody has written in between. */
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
     * From the job's present template: the accepted spec is kept without one.
     *
     * @return why one could not be made
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
                            + " is gone, and no pod is made, because those that live hold its key and would refuse one"
                            + " with another: they train on. Put it back, or suspend the job and resume it: then all"
                            + " start anew, from the last checkpoint, with a new key",
                    now));
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
                            "the API server refuses the pod of spec.template: " + message(e),
                            now));
                }
                // an earlier job's pod of that name: the next plan takes the next number
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
     * Takes reports of pods that are gone out of the progress map, which would otherwise grow with every pod; when the
     * status tells what they said last.
     */
    void prune(JobSnapshot snapshot) {
        Map<String, String> data = snapshot.progressMap().map(ConfigMap::getData).orElse(Map.of());
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
