package io.swav.operator;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.extended.leaderelection.LeaderCallbacks;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfiguration;
import io.javaoperatorsdk.operator.api.config.LeaderElectionConfigurationBuilder;
import io.javaoperatorsdk.operator.monitoring.micrometer.MicrometerMetrics;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The running operator: one controller, its informers, health, metrics and the page of jobs. */
public final class SwavOperator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SwavOperator.class);
    private static final int RETRY_MILLIS = 200;
    private static final int LONGEST_RETRY_MILLIS = 5_000;
    /**
     * Retries of one request, with pauses of 0.1 s that double; more would hold up a job for a minute after an outage.
     */
    private static final int REQUEST_RETRIES = 5;
    /** The first pause between two tries to watch again; it doubles six times at most. */
    private static final int WATCH_RETRY_MILLIS = 100;

    private final KubernetesClient client;
    private final Operator operator;
    private final Health health;
    private final HttpEndpoints endpoints;
    private final AtomicBoolean closing;

    private SwavOperator(
            KubernetesClient client, Operator operator, Health health, HttpEndpoints endpoints, AtomicBoolean closing) {
        this.client = client;
        this.operator = operator;
        this.health = health;
        this.endpoints = endpoints;
        this.closing = closing;
    }

    /**
     * Starts the operator and returns when the informers have synced.
     *
     * @throws IOException if the port of health and metrics is taken
     */
    public static SwavOperator start(OperatorConfig config) throws IOException {
        Config access = config.kubeconfig()
                .map(file -> Config.fromKubeconfig(file.toFile()))
                .orElseGet(() -> Config.autoConfigure(null));
        KubernetesClient client = new KubernetesClientBuilder()
                .withKubernetesSerialization(CachedParts.serialization())
                .withConfig(new ConfigBuilder(access)
                        .withRequestRetryBackoffLimit(REQUEST_RETRIES)
                        .withWatchReconnectInterval(WATCH_RETRY_MILLIS)
                        .build())
                .build();
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        AtomicBoolean closing = new AtomicBoolean();
        AtomicReference<String> leadership =
                new AtomicReference<>(config.lease().isPresent() ? "waiting for the leader election" : "");
        Operator operator = new Operator(overrider -> overrider
                .withKubernetesClient(client)
                .withCloseClientOnStop(false)
                .withReconciliationTerminationTimeout(Duration.ofSeconds(5))
                .withMetrics(
                        MicrometerMetrics.newMicrometerMetricsBuilder(registry).build())
                .withLeaderElectionConfiguration(config.lease()
                        .map(lease -> election(lease, closing, leadership))
                        .orElse(null)));
        JobMetrics metrics = new JobMetrics(registry);
        SwavJobReconciler reconciler = new SwavJobReconciler(client, metrics, Clock.systemUTC());
        operator.register(reconciler, overrider -> {
            if (config.namespaces().isEmpty()) {
                overrider.watchingAllNamespaces();
            } else {
                overrider.settingNamespaces(config.namespaces());
            }
            overrider
                    .withInformerListLimit(Informers.PAGE)
                    .withRetry(new GenericRetry()
                            .setInitialInterval(RETRY_MILLIS)
                            .setIntervalMultiplier(2)
                            .setMaxInterval(LONGEST_RETRY_MILLIS)
                            .setMaxAttempts(-1));
        });
        Health health = Health.of(
                client,
                () -> operator.getRuntimeInfo().isStarted(),
                () -> operator.getRuntimeInfo().allEventSourcesAreHealthy());
        HttpEndpoints endpoints = new HttpEndpoints(
                config.address(),
                health::problems,
                health::fatalProblems,
                metrics::scrape,
                () -> operator.getRuntimeInfo().isStarted()
                        ? JobPage.html(reconciler.jobs(), Objects.requireNonNull(leadership.get()), Instant.now())
                        : JobPage.html(List.of(), "starting: the informers have not synced", Instant.now()));
        try {
            operator.start();
        } catch (RuntimeException e) {
            endpoints.close();
            health.close();
            client.close();
            throw e;
        }
        return new SwavOperator(client, operator, health, endpoints, closing);
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

    /** Returns the port of {@code /}, {@code /healthz}, {@code /livez} and {@code /metrics}. */
    public int port() {
        return endpoints.port();
    }

    @Override
    public void close() {
        closing.set(true);
        try {
            operator.stop();
        } finally {
            endpoints.close();
            health.close();
            client.close();
        }
    }
}
