package io.swav.operator;

import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.MixedOperation;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.ResourceDefinitionContext;
import io.swav.api.ConditionReason;
import io.swav.api.ResourceNames;
import io.swav.api.SchedulingSpec.GangScheduler;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the PodGroup of each job that asks for a gang start, and tells which mark its pods get. It is not watched: most
 * clusters have none of these APIs, and an informer of an API that is removed never ends to fail. It is read when a pod is
 * about to be created or something about the job has changed, every few seconds while a pod waits for a node, and rarely
 * once all have one. A job that never asked costs no request.
 */
final class GangKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(GangKeeper.class);
    private static final Set<String> ENDED = Set.of("Succeeded", "Failed");
    private static final Duration WHILE_PODS_WAIT = Duration.ofSeconds(5);
    private static final Duration OTHERWISE = Duration.ofMinutes(1);
    /** For how long an answer of the API server holds for all jobs. */
    private static final Duration DISCOVERY = Duration.ofSeconds(10);

    private static final Set<Integer> REFUSALS =
            Set.of(HttpURLConnection.HTTP_BAD_REQUEST, HttpURLConnection.HTTP_FORBIDDEN, PodRejection.UNPROCESSABLE);

    /**
     * What new pods have to be like.
     *
     * @param api whose mark they get; empty for none
     * @param problem why no pod may be created
     * @param error of the API server, which is tried again
     */
    record GangStart(Optional<GangApi> api, Optional<PodRejection> problem, Optional<String> error) {
        static final GangStart NONE = new GangStart(Optional.empty(), Optional.empty(), Optional.empty());

        /** Whether pods may be created. */
        boolean isUsable() {
            return problem.isEmpty() && error.isEmpty();
        }

        /** Makes a pod that is about to be created one of the job's group. */
        void mark(SwavJob job, Pod pod) {
            api.ifPresent(one ->
                    one.mark(pod, ResourceNames.podGroupName(job.getMetadata().getName())));
        }
    }

    /** On what a look rested, but for the PodGroup itself. */
    private record GangBasis(
            long generation, GangScheduler asked, int min, Optional<GangApi> present, boolean allMarked) {}

    /** @param at when the next one is due */
    private record GangLook(GangBasis basis, GangStart start, Instant at) {}

    private record Discovery(Map<GangApi, String> served, Instant until) {}

    private final KubernetesClient client;
    private final Supplier<? extends Dependents.Cache> caches;
    private final Dependents.Journal journal;
    /** The last look at the PodGroup of each job that has or needs one, by uid. */
    private final Map<String, GangLook> looks = new ConcurrentHashMap<>();
    /** Uids of the jobs whose PodGroup was seen or made as it should be, so that a change is somebody else's. */
    private final Map<String, GangBasis> intact = new ConcurrentHashMap<>();

    private volatile Discovery discovery = new Discovery(Map.of(), Instant.MIN);

    /** @param caches gives the informers, which exist when the first job is reconciled */
    GangKeeper(KubernetesClient client, Supplier<? extends Dependents.Cache> caches, Dependents.Journal journal) {
        this.client = client;
        this.caches = caches;
        this.journal = journal;
    }

    /** Returns what is in the way, as far as it need not be looked at again. */
    Optional<PodRejection> problem(SwavJob job, Instant now) {
        return Optional.ofNullable(looks.get(uid(job)))
                .flatMap(look -> look.start().problem())
                .filter(last -> last.isInForce(job, now));
    }

    Optional<Instant> recheckAt(SwavJob job) {
        return Optional.ofNullable(looks.get(uid(job))).map(GangLook::at);
    }

    void forget(SwavJob job) {
        looks.remove(uid(job));
        intact.remove(uid(job));
    }

    /**
     * Looks at the PodGroup if that is due, and puts it right.
     *
     * @param isNeeded whether a pod is to be created
     * @throws KubernetesClientException with code 409 if another write came in between
     */
    GangStart check(JobSnapshot snapshot, SwavJobSpec accepted, boolean isNeeded, Instant now) {
        SwavJob job = snapshot.job();
        List<Pod> pods = caches.get().pods(job).stream()
                .filter(pod ->
                        OwnerMetadata.isOwnedBy(pod, job) && pod.getMetadata().getDeletionTimestamp() == null)
                .filter(pod -> pod.getStatus() == null
                        || !ENDED.contains(pod.getStatus().getPhase()))
                .toList();
        Optional<GangApi> present = GangChoice.of(job, pods);
        GangScheduler asked = accepted.scheduling().gang();
        boolean isIdle = pods.isEmpty() && !isNeeded;
        if (isIdle || (asked == GangScheduler.None && present.isEmpty())) {
            forget(job);
            return GangStart.NONE;
        }
        GangBasis basis = new GangBasis(
                job.getMetadata().getGeneration(),
                asked,
                accepted.elastic().minReplicas(),
                present,
                pods.stream().allMatch(pod -> GangChoice.of(job, List.of(pod)).equals(present)));
        Optional<GangLook> last = Optional.ofNullable(looks.get(uid(job)))
                .filter(look -> now.isBefore(look.at()) && look.basis().equals(basis));
        boolean isKnown = last.isPresent()
                && (problem(job, now).isPresent()
                        || (!isNeeded && last.get().start().isUsable()));
        if (isKnown) {
            return last.get().start();
        }
        GangStart start = look(job, basis, pods, now);
        boolean waits = pods.stream().anyMatch(pod -> pod.getSpec().getNodeName() == null);
        Duration interval = waits || isNeeded ? WHILE_PODS_WAIT : OTHERWISE;
        looks.put(uid(job), new GangLook(basis, start, now.plus(interval)));
        return start;
    }

    private GangStart look(SwavJob job, GangBasis basis, Collection<Pod> pods, Instant now) {
        try {
            GangChoice choice = GangChoice.of(job, basis.asked(), basis.min(), served(now), pods);
            if (choice instanceof GangChoice.Unserved unserved) {
                return problem(job, unserved.why(), now);
            }
            if (!(choice instanceof GangChoice.OfGroup group)) {
                return GangStart.NONE;
            }
            Optional<NameConflict> conflict = putRight(job, basis, group, now);
            return conflict.map(one -> problem(NameConflict.rejection(job, List.of(one), now)))
                    .orElseGet(() -> new GangStart(
                            Optional.of(group.api()).filter(api -> group.marks()), Optional.empty(), Optional.empty()));
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // another write came in between: the retry sees it
            }
            String what = "PodGroup " + name(job) + ", which spec.scheduling.gang needs, cannot be read or written: "
                    + PlanExecutor.message(e);
            LOG.warn("{}", what);
            return REFUSALS.contains(e.getCode())
                    ? problem(
                            job,
                            what
                                    + ". No pods are created, and trainers that run train on. Correct what the message names"
                                    + " (the chart's RBAC lets the operator write PodGroups), or set"
                                    + " spec.scheduling.gang to None",
                            now)
                    : new GangStart(Optional.empty(), Optional.empty(), Optional.of(what));
        }
    }

    private static GangStart problem(SwavJob job, String why, Instant now) {
        return problem(new PodRejection(
                ConditionReason.GangUnavailable,
                why,
                job.getMetadata().getGeneration(),
                now.plus(NameConflict.RECHECK_EVERY)));
    }

    private static GangStart problem(PodRejection why) {
        return new GangStart(Optional.empty(), Optional.of(why), Optional.empty());
    }

    /** Creates the PodGroup, or puts back what was changed; leaves that of somebody else as it is. */
    private Optional<NameConflict> putRight(SwavJob job, GangBasis basis, GangChoice.OfGroup group, Instant now) {
        GenericKubernetesResource wanted = PodGroups.of(job, group);
        Resource<GenericKubernetesResource> resource =
                groups(group).inNamespace(job.getMetadata().getNamespace()).withName(name(job));
        Optional<GenericKubernetesResource> live = Optional.ofNullable(resource.get());
        DependentCheck.Action action = DependentCheck.decide(job, wanted, live);
        boolean isEdited = basis.equals(intact.get(uid(job)));
        Consumer<String> restored = what -> {
            if (isEdited) {
                journal.restored(
                        job,
                        GangApi.KIND + " " + name(job) + what
                                + ". The operator put it back: it is part of the job and follows its spec",
                        now);
            }
        };
        if (action instanceof DependentCheck.Create) {
            create(group, wanted);
            restored.accept(" was deleted");
        } else if (action instanceof DependentCheck.PutBack putBack) {
            resource.patch(Dependents.MERGE, putBack.patch().toString());
            restored.accept(" was changed (" + String.join(", ", putBack.what()) + ")");
        } else if (action instanceof DependentCheck.Recreate && !group.isFixed()) {
            resource.delete();
            create(group, wanted);
        } else if (action instanceof DependentCheck.Leave
                || (action instanceof DependentCheck.Pinned && !group.isFixed())) {
            return Optional.of(new NameConflict(live.orElseThrow(), action));
        }
        intact.put(uid(job), basis);
        return Optional.empty();
    }

    private void create(GangChoice.OfGroup group, GenericKubernetesResource wanted) {
        groups(group)
                .inNamespace(wanted.getMetadata().getNamespace())
                .resource(wanted)
                .create();
    }

    private MixedOperation<GenericKubernetesResource, ?, Resource<GenericKubernetesResource>> groups(
            GangChoice.OfGroup group) {
        return client.genericKubernetesResources(new ResourceDefinitionContext.Builder()
                .withGroup(group.api().group())
                .withVersion(group.version())
                .withKind(GangApi.KIND)
                .withPlural(GangApi.PLURAL)
                .withNamespaced(true)
                .build());
    }

    /** Asks the API server which of the APIs it serves; anybody who is authenticated may ask. */
    private Map<GangApi, String> served(Instant now) {
        Discovery last = discovery;
        if (now.isBefore(last.until())) {
            return last.served();
        }
        Map<GangApi, String> found = new EnumMap<>(GangApi.class);
        for (GangApi api : GangApi.values()) {
            List<String> versions = new ArrayList<>(api.versions());
            versions.removeIf(version -> !serves(api.group() + "/" + version));
            versions.stream().findFirst().ifPresent(newest -> found.put(api, newest));
        }
        discovery = new Discovery(Map.copyOf(found), now.plus(DISCOVERY));
        return found;
    }

    /** The version alone says too little: Kubernetes 1.20 has PriorityClasses of scheduling.k8s.io/v1beta1. */
    private boolean serves(String version) {
        return Optional.ofNullable(client.getApiResources(version)).stream()
                .flatMap(list -> list.getResources().stream())
                .anyMatch(resource -> resource.getName().equals(GangApi.PLURAL));
    }

    private static String name(SwavJob job) {
        return ResourceNames.podGroupName(job.getMetadata().getName());
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
