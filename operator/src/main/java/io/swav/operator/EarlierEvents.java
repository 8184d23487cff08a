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
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The names of the Events that an earlier operator wrote. An operator does not know which of the Events that are still
 * owed its predecessor has written. It lists them once, when it writes its first, so that a restart does not make the API
 * server refuse each of them. If they cannot be listed, or another operator writes at the same time, the API server
 * refuses the second of two as before.
 */
final class EarlierEvents {
    private static final Logger LOG = LoggerFactory.getLogger(EarlierEvents.class);

    /** @param nanos when they were listed */
    private record Listed(long nanos, Set<String> names) {}

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

    /** Whether an Event of this name was there when this operator wrote its first. */
    boolean contains(String namespace, String name) {
        return listed.compute(
                        everywhere ? "" : namespace, (scope, before) -> before == null ? list(scope) : young(before))
                .names()
                .contains(namespace + "/" + name);
    }

    /** Forgets names after the time in which an operator tells what its predecessor owed. */
    private Listed young(Listed before) {
        boolean over = nanoTime.getAsLong() - before.nanos() > Outbox.KEPT.toNanos();
        return over && !before.names().isEmpty() ? new Listed(before.nanos(), Set.of()) : before;
    }

    private Listed list(String namespace) {
        Set<String> names = new HashSet<>();
        try {
            var all = client.v1().events();
            var scope = namespace.isEmpty() ? all.inAnyNamespace() : all.inNamespace(namespace);
            addTo(
                    names,
                    scope.withField("involvedObject.kind", HasMetadata.getKind(SwavJob.class))
                            .withField("source", OwnerMetadata.FIELD_MANAGER));
        } catch (KubernetesClientException e) {
            LOG.info(
                    "cannot list Events, so the API server will refuse those that are written already: {}",
                    PlanExecutor.message(e));
        }
        return new Listed(nanoTime.getAsLong(), names);
    }

    private static void addTo(Set<String> names, FilterWatchListDeletable<Event, EventList, Resource<Event>> events) {
        String next = null;
        do {
            EventList page = events.list(new ListOptionsBuilder()
                    .withLimit(Informers.PAGE)
                    .withContinue(next)
                    .build());
            page.getItems()
                    .forEach(event -> names.add(event.getMetadata().getNamespace() + "/"
                            + event.getMetadata().getName()));
            next = page.getMetadata().getContinue();
        } while (next != null && !next.isEmpty());
    }
}
