package io.swav.operator;

import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.RequestConfigBuilder;
import io.swav.operator.PodHolds.Events;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the Events of pods that do not start. They are not watched, because a namespace has many: each pod's Events are
 * read once per {@link PodHolds#RECHECK_EVERY}, in one short try. A reconciliation never fails or waits because they
 * cannot be read; the result states that instead.
 */
final class PodEvents {
    private static final Logger LOG = LoggerFactory.getLogger(PodEvents.class);
    /** A pod that does not start has a handful of Events, because recorders count repetitions in one. */
    private static final long LIMIT = 50;

    private static final int TRY_MILLIS = 3_000;
    private static final Duration FORGOTTEN_AFTER = Duration.ofMinutes(1);

    private record CachedEvents(Instant at, Events events) {}

    private final KubernetesClient client;
    /** The last result by uid of the pod. */
    private final Map<String, CachedEvents> cache = new ConcurrentHashMap<>();
    /** Namespaces whose Events could not be read at the last try. */
    private final Set<String> unreadable = ConcurrentHashMap.newKeySet();
    /** No Events are read before this time: the API server did not respond, and each try would take as long again. */
    private volatile Instant pause = Instant.MIN;

    PodEvents(KubernetesClient client) {
        this.client = client.newClient(new RequestConfigBuilder()
                        .withRequestRetryBackoffLimit(0)
                        .withRequestTimeout(TRY_MILLIS)
                        .build())
                .adapt(KubernetesClient.class);
    }

    /** Returns the pod's Events, read now or a moment ago. */
    Events of(Pod pod, Instant now) {
        cache.values().removeIf(old -> old.at().plus(FORGOTTEN_AFTER).isBefore(now));
        String uid = pod.getMetadata().getUid();
        CachedEvents last = cache.get(uid);
        if (last != null && now.isBefore(last.at().plus(PodHolds.RECHECK_EVERY))) {
            return last.events();
        }
        Events events = now.isBefore(pause)
                ? new Events(List.of(), Optional.of("the API server is not responding"))
                : read(pod, now);
        cache.put(uid, new CachedEvents(now, events));
        return events;
    }

    private Events read(Pod pod, Instant now) {
        String namespace = pod.getMetadata().getNamespace();
        try {
            Events events = new Events(
                    client.v1()
                            .events()
                            .inNamespace(namespace)
                            .withField("involvedObject.name", pod.getMetadata().getName())
                            .withField("involvedObject.uid", pod.getMetadata().getUid())
                            .list(new ListOptionsBuilder().withLimit(LIMIT).build())
                            .getItems(),
                    Optional.empty());
            if (unreadable.remove(namespace)) {
                LOG.info("Events of pods in namespace {} can be read again", namespace);
            }
            return events;
        } catch (KubernetesClientException e) {
            String why = why(e);
            if (unreadable.add(namespace)) {
                LOG.warn(
                        "cannot read Events of pods in namespace {}, so conditions cannot state why a volume is not"
                                + " mounted: {}",
                        namespace,
                        why);
            }
            if (e.getCode() <= 0) { // no HTTP status
                pause = now.plus(PodHolds.RECHECK_EVERY);
            }
            return new Events(List.of(), Optional.of(why));
        }
    }

    private static String why(KubernetesClientException e) {
        return e.getCode() == HttpURLConnection.HTTP_FORBIDDEN
                ? "the operator's role may not list events; install the RBAC of this version of the chart"
                : PlanExecutor.message(e);
    }
}
