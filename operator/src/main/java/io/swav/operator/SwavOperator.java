package io.swav.operator;

import io.fabric8.kubernetes.api.model.ListOptionsBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.RequestConfigBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.OperatorException;
import io.javaoperatorsdk.operator.RegisteredController;
import io.javaoperatorsdk.operator.RuntimeInfo;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfiguration;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfigurationBuilder;
import io.javaoperatorsdk.operator.health.InformerWrappingEventSourceHealthIndicator;
import io.javaoperatorsdk.operator.health.Status;
import io.javaoperatorsdk.operator.monitoring.micrometer.MicrometerMetrics;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.swav.api.SwavJob;
import io.swav.common.BuildIdentity;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The running operator: one controller, its informers, health, metrics and the page of jobs. */
public final class SwavOperator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SwavOperator.class);
    /** The API server records the part before the slash as the manager of what is created: {@link Ownership} needs it. */
    private static final String USER_AGENT = OwnerMetadata.FIELD_MANAGER + "/" + BuildIdentity.current();

    private static final int RETRY_MILLIS = 200;
    private static final int LONGEST_RETRY_MILLIS = 5_000;
    /**
     * Retries of one request, with pauses of 0.1 s that double; more would hold up a job for a minute after an outage.
     */
    private static final int REQUEST_RETRIES = 5;
    /** How long the informers of a cluster may take for their first list, before the start fails. */
    private static final Duration SYNC_LIMIT = Duration.ofMinutes(2);
    /** How long those of one namespace may hold up the others; they continue beside them. */
    private static final Duration SYNC_LIMIT_OF_A_NAMESPACE = Duration.ofSeconds(30);
    /** How long a reader waits for the API server to say who reads. */
    private static final int REVIEW_MILLIS = 5_000;
    /** The first pause between two tries to watch again; it doubles six times at most. */
    private static final int WATCH_RETRY_MILLIS = 100;
    /** A watch whose server has not answered a ping by the next one has ended, whatever the connection says. */
    private static final long WATCH_PING_MILLIS = 10_000;

    private final KubernetesClient client;
    private final Operator operator;
    private final Health health;
    private final HttpEndpoints endpoints;
    private final WatchedNamespaces namespaces;
    private final AtomicBoolean closing;

    private SwavOperator(
            KubernetesClient client,
            Operator operator,
            Health health,
            HttpEndpoints endpoints,
            WatchedNamespaces namespaces,
            AtomicBoolean closing) {
        this.client = client;
        this.operator = operator;
        this.health = health;
        this.endpoints = endpoints;
        this.namespaces = namespaces;
        this.closing = closing;
    }

    /**
     * Starts the operator and returns when the informers have synced.
     *
     * @throws IOException if a port is taken
     */
    public static SwavOperator start(OperatorConfig config) throws IOException {
        Config access = config.kubeconfig()
                .map(file -> Config.fromKubeconfig(file.toFile()))
                .orElseGet(() -> Config.autoConfigure(null));
        KubernetesClient client = new KubernetesClientBuilder()
                .withKubernetesSerialization(CachedParts.serialization())
                .withConfig(new ConfigBuilder(access)
                        .withUserAgent(USER_AGENT)
                        .withRequestRetryBackoffLimit(REQUEST_RETRIES)
                        .withWatchReconnectInterval(WATCH_RETRY_MILLIS)
                        .withWebsocketPingInterval(WATCH_PING_MILLIS)
                        .build())
                .build();
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        AtomicBoolean closing = new AtomicBoolean();
        AtomicReference<String> leadership =
                new AtomicReference<>(config.lease().isPresent() ? "waiting for the leader election" : "");
        boolean everywhere = config.namespaces().isEmpty();
        ReconcileThreads threads = new ReconcileThreads();
        Operator operator = new Operator(overrider -> overrider
                .withExecutorService(threads)
                .withKubernetesClient(client)
                .withCloseClientOnStop(false)
                .withReconciliationTerminationTimeout(Duration.ofSeconds(5))
                // of the controller: of each job, its histograms would be 100 rows
                .withMetrics(MicrometerMetrics.withoutPerResourceMetrics(registry))
                // an informer of a namespace that is refused tries again until WatchedNamespaces ends it
                .withStopOnInformerErrorDuringStartup(everywhere)
                .withCacheSyncTimeout(everywhere ? SYNC_LIMIT : SYNC_LIMIT_OF_A_NAMESPACE)
                .withLeaderElectionConfiguration(config.lease()
                        .map(lease -> election(lease, closing, leadership))
                        .orElse(null)));
        JobMetrics metrics = new JobMetrics();
        registry.getPrometheusRegistry().register(metrics);
        SwavJobReconciler reconciler = new SwavJobReconciler(
                client,
                everywhere,
                new Signals(config.removalTaints()),
                metrics,
                Optional.of(new CostAnnotations(client)).filter(costs -> config.preemptionCost()),
                Clock.systemUTC());
        WatchedNamespaces namespaces =
                new WatchedNamespaces(config.namespaces(), namespace -> WatchedNamespaces.access(client, namespace));
        config.namespaces()
                .forEach(name -> Gauge.builder(
                                "swav.operator.namespace.watched", namespaces, n -> n.isWatched(name) ? 1 : 0)
                        .description("1 if the operator watches this namespace, 0 if the API server refuses it")
                        .tag("namespace", name)
                        .register(registry));
        RuntimeInfo runtime = operator.getRuntimeInfo();
        Health health = Health.of(client, runtime::isStarted, runtime::allEventSourcesAreHealthy, namespaces::problems);
        OperatorContent content = new OperatorContent(
                registry,
                () -> runtime.isStarted() ? reconciler.jobs() : List.of(),
                () -> String.join(
                        "; ",
                        Stream.concat(
                                        Stream.of(
                                                runtime.isStarted()
                                                        ? Objects.requireNonNull(leadership.get())
                                                        : "starting: the informers have not synced"),
                                        namespaces.notes().stream())
                                .filter(sentence -> !sentence.isEmpty())
                                .toList()));
        Optional<AccessReviews> reviews = config.authenticate()
                ? Optional.of(new AccessReviews(impatient(client), System::nanoTime))
                : Optional.empty();
        HttpEndpoints endpoints = new HttpEndpoints(
                config.address(),
                config.healthPort(),
                health::problems,
                health::fatalProblems,
                namespaces::notes,
                new Readers(config.address().getAddress(), reviews),
                content);
        SwavOperator started = new SwavOperator(client, operator, health, endpoints, namespaces, closing);
        try {
            started.watch(config, reconciler, threads, metrics);
        } catch (RuntimeException e) {
            started.closeParts();
            throw e;
        }
        return started;
    }

    private void watch(
            OperatorConfig config, SwavJobReconciler reconciler, ReconcileThreads threads, JobMetrics metrics) {
        WaitingLimit limit = new WaitingLimit(
                threads.getQueue()::size, () -> ThreadLocalRandom.current().nextDouble());
        boolean everywhere = config.namespaces().isEmpty();
        Set<String> readable = everywhere ? Set.of() : awaitNamespaces();
        RegisteredController<SwavJob> controller = operator.register(reconciler, overrider -> {
            if (everywhere) {
                overrider
                        .watchingAllNamespaces()
                        .withItemStore(new CompactStore<>(client.getKubernetesSerialization(), SwavJob.class));
            } else {
                overrider.settingNamespaces(readable);
            }
            overrider
                    .withInformerListLimit(Informers.PAGE)
                    .withRateLimiter(limit)
                    .withRetry(new GenericRetry()
                            .setInitialInterval(RETRY_MILLIS)
                            .setIntervalMultiplier(2)
                            .setMaxInterval(LONGEST_RETRY_MILLIS)
                            .setMaxAttempts(-1));
        });
        operator.start();
        if (!everywhere) {
            namespaces.follow(
                    () -> unhealthy(operator.getRuntimeInfo()),
                    next -> threads.betweenReconciliations(() -> controller.changeNamespaces(next)),
                    metrics::forgetNamespace);
        }
    }

    private Set<String> awaitNamespaces() {
        try {
            Set<String> readable = namespaces.awaitFirst();
            // nodes lie in no namespace, so nothing works without this right: the API server's words end the start
            client.nodes().list(new ListOptionsBuilder().withLimit(1L).build());
            return readable;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new OperatorException(e);
        }
    }

    /** Returns the namespaces that have an informer which does not watch. */
    private static Set<String> unhealthy(RuntimeInfo runtime) {
        return runtime.unhealthyEventSources().values().stream()
                .flatMap(sources -> sources.values().stream())
                .flatMap(source -> source instanceof InformerWrappingEventSourceHealthIndicator<?> informers
                        ? informers.informerHealthIndicators().entrySet().stream()
                        : Stream.of())
                .filter(informer -> informer.getValue().getStatus() != Status.HEALTHY)
                .map(Map.Entry::getKey)
                .collect(Collectors.toSet());
    }

    /**
     * Configures leader election. Followers keep their caches warm and reconcile nothing. A leader that loses its lease
     * exits: what it remembers is no longer true, and the process that starts after it follows.
     */
    private static LeaderElectionConfiguration election(
            OperatorConfig.Lease lease, AtomicBoolean closing, AtomicReference<String> leadership) {
        // two processes on one host name need different identities
        String identity = Optional.ofNullable(System.getenv("HOSTNAME")).orElse("operator") + "_" + UUID.randomUUID();
        LeaderCallbacks callbacks = new LeaderCallbacks(
                () -> LOG.info("leading"),
                () -> {
                    if (!closing.get()) {
                        LOG.error("lost the lease {}: exiting, to restart as a follower", lease);
                        System.exit(1);
                    }
                },
                leader -> {
                    boolean self = leader.equals(identity);
                    LOG.info("the leader is {}{}", leader, self ? " (this one)" : "");
                    leadership.set(self ? "this operator leads" : "this operator follows; " + leader + " leads");
                });
        return LeaderElectionConfigurationBuilder.aLeaderElectionConfiguration(lease.name())
                .withLeaseNamespace(lease.namespace())
                .withIdentity(identity)
                .withLeaderCallbacks(callbacks)
                .withExitOnStopLeading(false)
                .build();
    }

    /** Returns a client that shares connections with this one, asks once and does not wait long. */
    private static KubernetesClient impatient(KubernetesClient client) {
        return client.newClient(new RequestConfigBuilder()
                        .withRequestRetryBackoffLimit(0)
                        .withRequestTimeout(REVIEW_MILLIS)
                        .build())
                .adapt(KubernetesClient.class);
    }

    /** Returns the port of {@code /} and {@code /metrics}. */
    public int port() {
        return endpoints.port();
    }

    /** Returns the port of {@code /healthz} and {@code /livez}. */
    public int healthPort() {
        return endpoints.healthPort();
    }

    @Override
    public void close() {
        closing.set(true);
        namespaces.close();
        try {
            operator.stop();
        } finally {
            closeParts();
        }
    }

    private void closeParts() {
        namespaces.close();
        endpoints.close();
        health.close();
        client.close();
    }
}
