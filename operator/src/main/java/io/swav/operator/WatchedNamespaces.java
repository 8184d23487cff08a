package io.swav.operator;

import io.fabric8.kubernetes.api.model.ListOptions;
import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.SwavJob;
import io.swav.common.DaemonThreads;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Watches those of the configured namespaces that the operator may read, so that one that was deleted, or whose RoleBinding is
 * missing, does not stop the others. Such a namespace is asked for periodically, and is watched again when it is back.
 *
 * <p>The SDK alone would wait minutes for it at the start, and end the process when a watch is refused.
 */
final class WatchedNamespaces implements AutoCloseable {
    private static final Duration EVERY = Duration.ofSeconds(5);
    private static final Logger LOG = LoggerFactory.getLogger(WatchedNamespaces.class);

    /** What the API server says about a namespace. */
    sealed interface Access {
        record Allowed() implements Access {}

        /** @param why the API server's words */
        record Forbidden(String why) implements Access {}

        /** The API server does not answer. */
        record Unknown() implements Access {}
    }

    private final Set<String> configured;
    private final Function<String, Access> access;
    private final Map<String, String> refused = new ConcurrentSkipListMap<>();
    /** Watched namespaces that were refused at the last check. Of one thread. */
    private final Set<String> doubted = new TreeSet<>();

    private volatile Optional<Thread> thread = Optional.empty();
    private volatile Set<String> watched = Set.of();

    /** @param access to a namespace, asked of the API server */
    WatchedNamespaces(Set<String> configured, Function<String, Access> access) {
        this.configured = configured;
        this.access = access;
    }

    /** Asks for a page of everything that is watched in the namespace. */
    static Access access(KubernetesClient client, String namespace) {
        ListOptions one = new ListOptionsBuilder().withLimit(1L).build();
        try {
            client.resources(SwavJob.class).inNamespace(namespace).list(one);
            client.pods().inNamespace(namespace).list(one);
            client.configMaps().inNamespace(namespace).list(one);
            client.serviceAccounts().inNamespace(namespace).list(one);
            client.rbac().roles().inNamespace(namespace).list(one);
            client.rbac().roleBindings().inNamespace(namespace).list(one);
            return new Access.Allowed();
        } catch (KubernetesClientException e) {
            return e.getCode() == HttpURLConnection.HTTP_FORBIDDEN || e.getCode() == HttpURLConnection.HTTP_NOT_FOUND
                    ? new Access.Forbidden(PlanExecutor.message(e))
                    : new Access.Unknown();
        }
    }

    /**
     * Returns the namespaces to watch next: those that are watched stay until the API server refuses them, and the others enter
     * when it allows them.
     *
     * @param access to those that are not watched, or whose informers are in trouble
     */
    static Set<String> next(Set<String> watched, Map<String, Access> access) {
        Set<String> next = new TreeSet<>(watched);
        access.forEach((namespace, answer) -> {
            if (answer instanceof Access.Allowed) {
                next.add(namespace);
            } else if (answer instanceof Access.Forbidden) {
                next.remove(namespace);
            }
        });
        return next;
    }

    /** Waits until at least one namespace may be read, and returns all that may. */
    Set<String> awaitFirst() throws InterruptedException {
        for (watched = ask(configured); watched.isEmpty(); watched = ask(configured)) {
            TimeUnit.MILLISECONDS.sleep(EVERY.toMillis());
        }
        return watched;
    }

    /**
     * Asks periodically for the namespaces that are not watched, or are in trouble.
     *
     * @param unhealthy the namespaces that have an informer which does not watch
     * @param change receives the namespaces to watch
     * @param left receives the namespaces that are not watched, at each check
     */
    void follow(Supplier<Set<String>> unhealthy, Consumer<Set<String>> change, Consumer<String> left) {
        thread = Optional.of(DaemonThreads.start("namespaces", () -> {
            while (pause()) {
                try {
                    check(unhealthy.get(), change, left);
                } catch (RuntimeException e) { // it must not end the checks
                    LOG.warn("cannot check the watched namespaces, trying again", e);
                }
            }
        }));
    }

    /** Returns false if the thread is to end. */
    private static boolean pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(EVERY.toMillis());
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    void check(Set<String> unhealthy, Consumer<Set<String>> change, Consumer<String> left) {
        change(unhealthy, change);
        // at each check: what was under way when a namespace was left may be recorded after it
        configured.stream().filter(namespace -> !watched.contains(namespace)).forEach(left);
    }

    private void change(Set<String> unhealthy, Consumer<Set<String>> change) {
        Set<String> doubtful = new TreeSet<>(configured);
        doubtful.removeIf(namespace -> watched.contains(namespace) && !unhealthy.contains(namespace));
        doubted.retainAll(doubtful);
        Set<String> before = watched;
        Set<String> next = ask(doubtful);
        if (next.equals(before)) {
            return;
        }
        try {
            change.accept(next);
        } catch (RuntimeException e) { // the SDK has stopped processing events, of all namespaces
            LOG.error("cannot change the watched namespaces to {}: exiting, to start again with them", next, e);
            System.exit(1);
        }
        watched = next;
    }

    private Set<String> ask(Set<String> namespaces) {
        Map<String, Access> answers = new TreeMap<>();
        namespaces.forEach(namespace -> answers.put(namespace, believed(namespace, access.apply(namespace))));
        answers.forEach((namespace, answer) -> {
            if (answer instanceof Access.Forbidden no) {
                if (refused.put(namespace, no.why()) == null) {
                    LOG.warn("{}", sentence(namespace, no.why()));
                }
            } else if (answer instanceof Access.Allowed && refused.remove(namespace) != null) {
                LOG.info("namespace {} is watched again", namespace);
            }
        });
        return next(watched, answers);
    }

    /**
     * Returns what a check makes of an answer. An API server that has just started refuses everything until its authorizer has
     * read the roles, so a namespace that is watched is left at the second refusal in a row; its informers go on trying.
     */
    private Access believed(String namespace, Access answer) {
        boolean refusal = answer instanceof Access.Forbidden;
        boolean first = refusal && watched.contains(namespace) && doubted.add(namespace);
        if (!refusal) {
            doubted.remove(namespace);
        }
        return first ? new Access.Unknown() : answer;
    }

    private static String sentence(String namespace, String why) {
        return "namespace " + namespace + " is not watched: " + why
                + ". Its trainers train on, but no pod is created or replaced there. If it is to be watched, create it and its"
                + " RoleBinding again (helm upgrade); otherwise take it out of --namespaces";
    }

    boolean isWatched(String namespace) {
        return watched.contains(namespace) && !refused.containsKey(namespace);
    }

    /** Returns a sentence for each namespace that cannot be watched. */
    List<String> notes() {
        return refused.entrySet().stream()
                .map(entry -> sentence(entry.getKey(), entry.getValue()))
                .toList();
    }

    /** Returns what keeps the operator from working at all: that it may read none of its namespaces. */
    List<String> problems() {
        return !configured.isEmpty() && refused.size() == configured.size() ? notes() : List.of();
    }

    @Override
    public void close() {
        thread.ifPresent(Thread::interrupt);
    }
}
