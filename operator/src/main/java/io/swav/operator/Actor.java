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
import io.swav.api.Contract;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.World;
import io.swav.plan.Plan;
import io.swav.plan.PodSeen;
import io.swav.plan.WorldPlan;
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
final class Actor {
    private static final Logger LOG = LoggerFactory.getLogger(Actor.class);
    private static final Duration AFTER_REFUSAL = Duration.ofSeconds(30);
    private static final int KEY_BYTES = 32;
    private static final int UNPROCESSABLE = 422;
    /** Answers that say no to this pod rather than to this moment. */
    private static final Set<Integer> REFUSALS =
            Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, UNPROCESSABLE);

    private final KubernetesClient client;
    private final Consumer<Pod> podCreated;
    private final Consumer<ConfigMap> mapWritten;
    private final SecureRandom random = new SecureRandom();
    /** metadata.generation of the job, by uid, for which its dependents were applied by this process. */
    private final Map<String, Long> applied = new ConcurrentHashMap<>();
    /** The last of each job, by uid. */
    private final Map<String, Refusal> refusals = new ConcurrentHashMap<>();

    /** @param podCreated and {@code mapWritten} tell the caches at once what the watch will tell later */
    Actor(KubernetesClient client, Consumer<Pod> podCreated, Consumer<ConfigMap> mapWritten) {
        this.client = client;
        this.podCreated = podCreated;
        this.mapWritten = mapWritten;
    }

    /**
     * What came of a plan.
     *
     * @param published whether world and book were written, or needed no writing
     * @param refusal the one that stands, of this plan or an earlier one
     * @param trouble the API server's words when it failed at something else, which the next plan will try again
     */
    record Outcome(boolean published, Optional<Refusal> refusal, Optional<String> trouble) {}

    /**
     * A pod of the template was refused. Every report of a trainer brings a plan, so the same pod is not tried again
     * with each of them.
     *
     * @param words why, the API server's where it refused
     * @param generation metadata.generation of the job that asked for the pod: another may ask for a better one
     * @param until when it is tried again
     */
    record Refusal(String words, long generation, Instant until) {}

    /** The one that stands. */
    Optional<Refusal> refusal(SwavJob job, Instant now) {
        return Optional.ofNullable(refusals.get(uid(job)))
                .filter(last -> last.generation() == job.getMetadata().getGeneration() && now.isBefore(last.until()));
    }

    Outcome act(Snapshot seen, SwavJobSpec accepted, Plan plan, Instant now) {
        SwavJob job = seen.job();
        boolean published = false;
        try {
            boolean newGeneration = !job.getMetadata().getGeneration().equals(applied.get(uid(job)));
            if (!plan.create().isEmpty() || newGeneration) {
                applyDependents(job, accepted);
                applied.put(uid(job), job.getMetadata().getGeneration());
            }
            writeWorld(seen, plan);
            published = true;
            plan.kill().forEach(pod -> delete(job, pod, true));
            createPods(job, plan.create())
                    .ifPresent(words -> refusals.put(
                            uid(job), new Refusal(words, job.getMetadata().getGeneration(), now.plus(AFTER_REFUSAL))));
            plan.delete().forEach(pod -> delete(job, pod, false));
            pruneProgress(seen);
            return new Outcome(published, refusal(job, now), Optional.empty());
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // somebody wrote in between: the retry sees it
            }
            LOG.warn("the plan is not done yet: {}", words(e));
            return new Outcome(published, Optional.empty(), Optional.of(words(e)));
        }
    }

    void forget(SwavJob job) {
        applied.remove(uid(job));
        refusals.remove(uid(job));
    }

    private void applyDependents(SwavJob job, SwavJobSpec accepted) {
        List.of(TrainerAccess.account(job), TrainerAccess.role(job), TrainerAccess.binding(job), JobMaps.progress(job))
                .forEach(this::apply);
        mapWritten.accept(apply(JobMaps.config(job, accepted)));
        createHandshake(job);
    }

    private void createHandshake(SwavJob job) {
        String name = Contract.handshakeName(job.getMetadata().getName());
        Secret there = client.secrets()
                .inNamespace(job.getMetadata().getNamespace())
                .withName(name)
                .get();
        boolean ours = there != null
                && there.getMetadata().getOwnerReferences().stream()
                        .anyMatch(owner -> owner.getUid().equals(uid(job)));
        if (!ours) {
            byte[] key = new byte[KEY_BYTES];
            random.nextBytes(key);
            apply(JobMaps.handshake(job, HexFormat.of().formatHex(key)));
        }
    }

    /** World and book in one write, refused by the API server when somebody has written in between. */
    private void writeWorld(Snapshot seen, Plan plan) {
        World world = plan.world() instanceof WorldPlan.Regroup regroup
                ? regroup.next()
                : seen.worldMap().world();
        WorldMap before = seen.worldMap();
        boolean same = world.equals(before.world())
                && plan.book().equals(before.book())
                && WorldMap.request(seen.job()).equals(before.request())
                && WorldMap.seen(seen.job()).equals(before.seen());
        if (same && before.resourceVersion() != null) {
            return;
        }
        mapWritten.accept(apply(WorldMap.of(seen.job(), world, plan.book(), before.resourceVersion())));
    }

    /**
     * From the job's present template: the accepted spec is kept without one.
     *
     * @return why one was refused
     */
    private Optional<String> createPods(SwavJob job, List<String> names) {
        JsonNode template = job.getSpec().template();
        Optional<String> problem = TrainerPod.problem(template);
        if (names.isEmpty() || template == null || problem.isPresent()) {
            return problem.filter(words -> !names.isEmpty());
        }
        for (String name : names) {
            try {
                podCreated.accept(
                        client.resource(TrainerPod.of(job, template, name)).create());
            } catch (KubernetesClientException e) {
                if (REFUSALS.contains(e.getCode())) {
                    return Optional.of(words(e));
                }
                // an earlier job's pod of that name: the next plan takes the next number
                if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
                    throw e;
                }
            }
        }
        return Optional.empty();
    }

    private void delete(SwavJob job, PodSeen pod, boolean atOnce) {
        var there = client.pods().inNamespace(job.getMetadata().getNamespace()).withName(pod.name());
        if (atOnce) {
            there.withGracePeriod(0).delete();
        } else {
            there.delete();
        }
    }

    /** Takes reports of pods that are gone out of the progress map, which would otherwise grow with every pod. */
    private void pruneProgress(Snapshot seen) {
        Map<String, String> data = seen.progressMap().map(ConfigMap::getData).orElse(Map.of());
        Set<String> pods = seen.pods().stream().map(PodSeen::name).collect(Collectors.toSet());
        List<String> gone =
                data.keySet().stream().filter(pod -> !pods.contains(pod)).toList();
        if (gone.isEmpty()) {
            return;
        }
        String removals =
                gone.stream().map(pod -> "\"" + pod + "\":null").collect(Collectors.joining(",", "{\"data\":{", "}}"));
        SwavJob job = seen.job();
        client.configMaps()
                .inNamespace(job.getMetadata().getNamespace())
                .withName(Contract.progressName(job.getMetadata().getName()))
                .patch(PatchContext.of(PatchType.JSON_MERGE), removals);
    }

    private static String words(KubernetesClientException refusal) {
        String words = refusal.getStatus() == null
                ? refusal.getMessage()
                : refusal.getStatus().getMessage();
        return words == null ? "HTTP " + refusal.getCode() : words;
    }

    private <T extends HasMetadata> T apply(T object) {
        return client.resource(object)
                .fieldManager(Owned.FIELD_MANAGER)
                .forceConflicts()
                .serverSideApply();
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
