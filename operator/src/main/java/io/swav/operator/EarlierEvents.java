package io.swav.operator;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventList;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.swav.api.SwavJob;
import java.net.HttpURLConnection;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Events that an earlier operator wrote. An operator does not know which of the Events that are still owed its
 * predecessor has written. It lists them once, before it tells anything of that, so that a restart does not make the API
 * server refuse each of them, and no pod is in two. If it may not list them, or another operator writes at the same time,
 * the API server refuses the second of two that are the same.
 */
final class EarlierEvents {
    private static final Logger LOG = LoggerFactory.getLogger(EarlierEvents.class);

    /** Of an Event about pods, which its message may abbreviate: their names, separated by spaces. */
    static final String PODS = "swav.io/pods";

    /**
     * What was listed.
     *
     * @param nanos when
     * @param names of the Events, after their namespace
     * @param pods uid of the job, reason and pod of each Event about pods
     */
    private record Listed(long nanos, Set<String> names, Set<String> pods) {}

    private final KubernetesClient client;
    private final boolean everywhere;
    private final LongSupplier nanoTime;
    /** By namespace; by the empty string if all namespaces are listed together. */
    private final Map<String, Listed> listed = new ConcurrentHashMap<>();

    /** @param everywhere whether the operator may read all namespaces */
    EarlierEvents(KubernetesClient client, boolean everywhere, LongSupplier nanoTime) {
        this.client = client;
        this.everywhere = everywhere;
        this.nanoTime = nanoTime;
    }

    /** Whether an Event of this name was there when this operator first asked. */
    boolean contains(String namespace, String name) {
        Listed known = listed(namespace);
        return known != null && known.names().contains(namespace + "/" + name);
    }

    /** Whether an Event of this reason about this pod of a job was there when this operator first asked. */
    boolean tells(SwavJob job, String reason, String pod) {
        Listed known = listed(job.getMetadata().getNamespace());
        return known != null && known.pods().contains(key(job.getMetadata().getUid(), reason, pod));
    }

    /** Lists the Events if they are not listed yet; returns false if the API server does not answer now. */
    boolean isListed(SwavJob job) {
        return listed(job.getMetadata().getNamespace()) != null;
    }

    private @Nullable Listed listed(String namespace) {
        return listed.compute(
                everywhere ? "" : namespace, (scope, before) -> before == null ? list(scope) : young(before));
    }

    /** Forgets what was listed after the time in which an operator tells what its predecessor owed. */
    private Listed young(Listed before) {
        boolean over = nanoTime.getAsLong() - before.nanos() > Outbox.KEPT.toNanos();
        return over && !before.names().isEmpty() ? new Listed(before.nanos(), Set.of(), Set.of()) : before;
    }

    private @Nullable Listed list(String namespace) {
        Listed result = new Listed(nanoTime.getAsLong(), new HashSet<>(), new HashSet<>());
        try {
            var all = client.v1().events();
            var scope = namespace.isEmpty() ? all.inAnyNamespace() : all.inNamespace(namespace);
            addTo(
                    result,
                    scope.withField("involvedObject.kind", HasMetadata.getKind(SwavJob.class))
                            .withField("source", OwnerMetadata.FIELD_MANAGER));
        } catch (KubernetesClientException e) {
            if (e.getCode() != HttpURLConnection.HTTP_FORBIDDEN) {
                LOG.info("cannot list Events now, trying again: {}", PlanExecutor.message(e));
                return null;
            }
            LOG.info(
                    "cannot list Events, so the API server will refuse those that are written already: {}",
                    PlanExecutor.message(e));
        }
        return result;
    }

    private static String key(String uid, String reason, String pod) {
        return uid + " " + reason + " " + pod;
    }

    private static void addTo(Listed result, FilterWatchListDeletable<Event, EventList, Resource<Event>> events) {
        String next = null;
        do {
            EventList page = events.list(new ListOptionsBuilder()
                    .withLimit(Informers.PAGE)
                    .withContinue(next)
                    .build());
            for (Event event : page.getItems()) {
                result.names()
                        .add(event.getMetadata().getNamespace() + "/"
                                + event.getMetadata().getName());
                String pods = Optional.ofNullable(event.getMetadata().getAnnotations())
                        .orElse(Map.of())
                        .getOrDefault(PODS, "");
                for (String pod : pods.split(" ", -1)) {
                    result.pods().add(key(event.getInvolvedObject().getUid(), event.getReason(), pod));
                }
            }
            next = page.getMetadata().getContinue();
        } while (next != null && !next.isEmpty());
    }
}
