package io.swav.operator;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.rbac.Role;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import java.net.HttpURLConnection;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps account, Role, RoleBinding and the ConfigMaps of each job as they should be. What the informers show decides
 * whether anything has to be done; before an object is changed it is read from the API server. An object is created by a
 * request that fails if the name is taken, so that one of somebody else is never changed.
 */
final class Dependents {
    private static final Logger LOG = LoggerFactory.getLogger(Dependents.class);
    private static final Set<String> ENDED = Set.of("Succeeded", "Failed");
    private static final String ABSENT = "absent";
    private static final String INTACT = "intact";

    static final PatchContext MERGE = new PatchContext.Builder()
            .withPatchType(PatchType.JSON_MERGE)
            .withFieldManager(OwnerMetadata.FIELD_MANAGER)
            .build();

    /** The informers' caches. */
    interface Cache {
        <T extends HasMetadata> Optional<T> get(Class<T> type, String namespace, String name);

        Collection<Pod> pods(SwavJob job);

        /** Updates a cache at once, before the watch does. */
        void written(HasMetadata object);
    }

    /** Records that an object was put back. */
    interface Journal {
        void restored(SwavJob job, String message, Instant now);
    }

    /**
     * What came of it.
     *
     * @param obstruction objects that are not the job's, or cannot be put back; no pods can be created
     * @param error of the API server at one of the objects, which is tried again
     */
    record Result(Optional<PodRejection> obstruction, Optional<String> error) {
        static final Result DONE = new Result(Optional.empty(), Optional.empty());
    }

    /**
     * What a check rested on; while it is the same there is nothing to do.
     *
     * @param versions resourceVersions of the cached objects
     */
    private record Basis(
            long generation,
            boolean isSpecAccepted,
            Set<String> accounts,
            List<String> progressMaps,
            List<String> versions) {

        /** Whether the objects have to be what they had to be then. */
        boolean wantsSame(Basis other) {
            return generation == other.generation
                    && isSpecAccepted == other.isSpecAccepted
                    && accounts.equals(other.accounts)
                    && progressMaps.equals(other.progressMaps);
        }
    }

    private final KubernetesClient client;
    private final Supplier<? extends Cache> caches;
    private final Journal journal;
    private final PutBackLimit limit = new PutBackLimit();
    /** By uid of the job: on what its objects were found to be as they should be. */
    private final Map<String, Basis> intact = new ConcurrentHashMap<>();
    /** By uid of the job: what is in the way. */
    private final Map<String, PodRejection> obstructions = new ConcurrentHashMap<>();
    /** By uid of the job: when to try again what something else changes again and again. */
    private final Map<String, Instant> recheckAt = new ConcurrentHashMap<>();

    /**
     * Creates a keeper of objects.
     * @param caches gives the informers, which exist when the first job is reconciled
     */
    Dependents(KubernetesClient client, Supplier<? extends Cache> caches, Journal journal) {
        this.client = client;
        this.caches = caches;
        this.journal = journal;
    }

    /** Returns what is in the way, as far as it need not be looked at again. */
    Optional<PodRejection> obstruction(SwavJob job, Instant now) {
        return Optional.ofNullable(obstructions.get(uid(job))).filter(last -> last.isInForce(job, now));
    }

    /** Returns when to reconcile the job although nothing has changed. */
    Optional<Instant> recheckAt(SwavJob job) {
        return Optional.ofNullable(recheckAt.get(uid(job)));
    }

    void forget(SwavJob job) {
        intact.remove(uid(job));
        obstructions.remove(uid(job));
        recheckAt.remove(uid(job));
    }

    /**
     * Puts right what differs. An error at one object is no reason to leave the others, or the world, as they are.
     *
     * @throws KubernetesClientException with code 409 if another write came in between
     */
    Result putRight(JobSnapshot snapshot, SwavJobSpec accepted, Instant now) {
        SwavJob job = snapshot.job();
        Optional<PodRejection> last = obstruction(job, now);
        if (last.isPresent()) {
            return new Result(last, Optional.empty());
        }
        obstructions.remove(uid(job));
        recheckAt.remove(uid(job));
        List<Pod> pods = caches.get().pods(job).stream()
                .filter(pod -> OwnerMetadata.isOwnedBy(pod, job))
                .filter(pod -> pod.getStatus() == null
                        || !ENDED.contains(pod.getStatus().getPhase()))
                .toList();
        List<String> progressMaps = ProgressMaps.all(job, Optional.of(accepted), pods);
        Basis basis = basis(snapshot, pods, progressMaps);
        Optional<Basis> before = Optional.ofNullable(intact.get(uid(job)));
        boolean isWorldOurs = snapshot.worldMap().condition().isOurs();
        if (isWorldOurs && before.filter(basis::equals).isPresent()) {
            return Result.DONE;
        }
        // what differs follows the job, if the job has changed; otherwise something else changed the objects
        boolean follows =
                before.map(was -> !was.wantsSame(basis)).orElseGet(() -> AcceptedSpec.isOfEarlierGeneration(snapshot));
        List<NameConflict> conflicts = new ArrayList<>();
        List<String> errors = new ArrayList<>();
        boolean answers = true;
        for (HasMetadata wanted : wanted(job, accepted, snapshot.firstEpochs(accepted), pods, progressMaps)) {
            answers = answers && putRight(snapshot, wanted, follows, conflicts, errors, now);
        }
        if (!isWorldOurs) {
            conflicts.addAll(conflictOfWorld(job));
        }
        if (conflicts.isEmpty() && errors.isEmpty() && recheckAt(job).isEmpty()) {
            intact.put(uid(job), basis(snapshot, pods, progressMaps));
            return Result.DONE;
        }
        if (!conflicts.isEmpty()) {
            obstructions.put(uid(job), NameConflict.rejection(job, conflicts, now));
        }
        return new Result(obstruction(job, now), errors.stream().findFirst());
    }

    private static List<HasMetadata> wanted(
            SwavJob job, SwavJobSpec accepted, int firstEpochs, List<Pod> pods, List<String> progressMaps) {
        List<HasMetadata> wanted = new ArrayList<>(
                List.of(TrainerRbac.account(job), TrainerRbac.role(job, progressMaps), TrainerRbac.binding(job, pods)));
        progressMaps.forEach(name -> wanted.add(JobResources.progress(job, name)));
        wanted.add(JobResources.config(job, accepted, firstEpochs));
        return wanted;
    }

    private Basis basis(JobSnapshot snapshot, List<Pod> pods, List<String> progressMaps) {
        SwavJob job = snapshot.job();
        String name = job.getMetadata().getName();
        Set<String> accounts = new TreeSet<>();
        pods.forEach(pod -> accounts.add(TrainerRbac.accountOf(pod)));
        List<String> versions = Stream.of(
                        cached(job, ServiceAccount.class, ResourceNames.trainerName(name)),
                        cached(job, Role.class, ResourceNames.trainerName(name)),
                        cached(job, RoleBinding.class, ResourceNames.trainerName(name)),
                        cached(job, ConfigMap.class, ResourceNames.configName(name)))
                .map(found -> found.map(Dependents::version).orElse(ABSENT))
                .collect(Collectors.toCollection(ArrayList::new));
        for (String map : progressMaps) {
            versions.add(cached(job, ConfigMap.class, map)
                    .map(found -> DependentCheck.decide(job, JobResources.progress(job, map), Optional.of(found))
                                    instanceof DependentCheck.KeepAsIs
                            ? INTACT // its version changes with every report
                            : version(found))
                    .orElse(ABSENT));
        }
        return new Basis(
                job.getMetadata().getGeneration(), snapshot.problems().isEmpty(), accounts, progressMaps, versions);
    }

    private <T extends HasMetadata> Optional<T> cached(SwavJob job, Class<T> type, String name) {
        return caches.get().get(type, job.getMetadata().getNamespace(), name);
    }

    /** Returns false if the API server is not able to answer, so that the others need not be tried. */
    private boolean putRight(
            JobSnapshot snapshot,
            HasMetadata wanted,
            boolean follows,
            List<NameConflict> conflicts,
            List<String> errors,
            Instant now) {
        SwavJob job = snapshot.job();
        try {
            putRight(snapshot, wanted, follows, now)
                    .filter(conflict -> !(wanted instanceof ServiceAccount && TrainerRbac.namesAccount(job)))
                    .ifPresent(conflicts::add);
            return true;
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                throw e; // another write came in between: the retry sees it
            }
            LOG.warn("{} cannot be written: {}", name(wanted), PlanExecutor.message(e));
            errors.add(name(wanted) + " cannot be written: " + PlanExecutor.message(e));
            return !SwavJobReconciler.isOutage(e);
        }
    }

    private Optional<NameConflict> putRight(JobSnapshot snapshot, HasMetadata wanted, boolean follows, Instant now) {
        SwavJob job = snapshot.job();
        Optional<? extends HasMetadata> found =
                cached(job, wanted.getClass(), wanted.getMetadata().getName());
        DependentCheck.Action action = DependentCheck.decide(job, wanted, found);
        if (action instanceof DependentCheck.KeepAsIs || (!follows && isLimited(job, wanted, now))) {
            return Optional.empty();
        }
        boolean wasThere = snapshot.worldMap().resourceVersion() != null; // the job has had its objects
        if (action instanceof DependentCheck.Create && create(wanted)) {
            if (wasThere && !follows) {
                restored(job, wanted, " was deleted", now);
            }
            return Optional.empty();
        }
        return putRightLive(job, wanted, follows, now);
    }

    private boolean isLimited(SwavJob job, HasMetadata wanted, Instant now) {
        Optional<Instant> notBefore = limit.notBefore(key(job, wanted), now);
        notBefore.ifPresent(time -> recheckAt.merge(uid(job), time, (a, b) -> a.isBefore(b) ? a : b));
        return notBefore.isPresent();
    }

    /** Returns false if the name is taken. */
    private boolean create(HasMetadata wanted) {
        try {
            caches.get().written(client.resource(wanted).create());
            return true;
        } catch (KubernetesClientException e) {
            if (e.getCode() == HttpURLConnection.HTTP_CONFLICT) {
                return false;
            }
            throw e;
        }
    }

    /** Decides by what the API server has, because a cache may be behind, and contains nothing without the job's label. */
    private Optional<NameConflict> putRightLive(SwavJob job, HasMetadata wanted, boolean follows, Instant now) {
        Optional<HasMetadata> live = Optional.ofNullable(client.resource(wanted).get());
        DependentCheck.Action action = DependentCheck.decide(job, wanted, live);
        if (action instanceof DependentCheck.PutBack putBack) {
            caches.get()
                    .written(
                            client.resource(wanted).patch(MERGE, putBack.patch().toString()));
            if (!follows) {
                restored(job, wanted, changed(live.orElseThrow(), putBack.what()), now);
            }
        } else if (action instanceof DependentCheck.Recreate recreate) {
            HasMetadata there = live.orElseThrow();
            client.resource(there)
                    .lockResourceVersion(there.getMetadata().getResourceVersion())
                    .delete();
            caches.get().written(client.resource(wanted).create());
            if (!follows) {
                restored(job, wanted, changed(there, List.of(recreate.what())), now);
            }
        } else if (action instanceof DependentCheck.KeepAsIs) {
            live.ifPresent(caches.get()::written); // the cache is behind
        } else if (action
                instanceof DependentCheck.Create) { // it was there a moment ago, or the refusal meant something else
            caches.get().written(client.resource(wanted).create());
        }
        boolean leaves = action instanceof DependentCheck.Leave || action instanceof DependentCheck.Pinned;
        return live.filter(there -> leaves).map(there -> new NameConflict(there, action));
    }

    private List<NameConflict> conflictOfWorld(SwavJob job) {
        HasMetadata live = client.resource(WorldConfigMap.empty(job)).get();
        return live == null || Ownership.of(live, job) == Ownership.OURS
                ? List.of()
                : List.of(new NameConflict(live, new DependentCheck.Leave(Ownership.of(live, job))));
    }

    private static String changed(HasMetadata live, List<String> what) {
        return " was changed (" + String.join(", ", what) + ")"
                + DependentCheck.lastEditor(live)
                        .map(editor -> "; last editor: " + editor)
                        .orElse("");
    }

    private void restored(SwavJob job, HasMetadata wanted, String what, Instant now) {
        limit.putBack(key(job, wanted), now);
        journal.restored(
                job,
                name(wanted) + what + ". The operator put it back: it is part of the job and follows its spec",
                now);
    }

    private static String version(HasMetadata object) {
        return object.getMetadata().getResourceVersion();
    }

    private static String key(SwavJob job, HasMetadata object) {
        return uid(job) + " " + name(object);
    }

    private static String name(HasMetadata object) {
        return object.getKind() + " " + object.getMetadata().getName();
    }

    private static String uid(SwavJob job) {
        return job.getMetadata().getUid();
    }
}
