package io.swav.operator;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.monitoring.micrometer.MicrometerMetrics;
import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The running operator: one controller, its informers, health and metrics. */
public final class SwavOperator implements AutoCloseable {
    private static final int RETRY_MILLIS = 200;
    private static final int LONGEST_RETRY_MILLIS = 5_000;
    /** Of one request, with pauses of 0.1 s that double; more would hold up a job after an outage for a minute. */
    private static final int REQUEST_RETRIES = 5;
    /** The first of the pauses that double, six times at most, between two tries to watch again. */
    private static final int WATCH_RETRY_MILLIS = 100;

    private final KubernetesClient client;
    private final Operator operator;
    private final HttpEndpoints endpoints;

    private SwavOperator(KubernetesClient client, Operator operator, HttpEndpoints endpoints) {
        this.client = client;
        this.operator = operator;
        this.endpoints = endpoints;
    }

    /**
     * Starts and returns when the informers have synced.
     *
     * @throws IOException when the port of health and metrics is taken
     */
    public static SwavOperator start(OperatorConfig config) throws IOException {
        Config access = config.kubeconfig()
                .map(file -> Config.fromKubeconfig(file.toFile()))
                .orElseGet(() -> Config.autoConfigure(null));
        KubernetesClient client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder(access)
                        .withRequestRetryBackoffLimit(REQUEST_RETRIES)
                        .withWatchReconnectInterval(WATCH_RETRY_MILLIS)
                        .build())
                .build();
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        Operator operator = new Operator(overrider -> overrider
                .withKubernetesClient(client)
                .withCloseClientOnStop(false)
                .withReconciliationTerminationTimeout(Duration.ofSeconds(5))
                .withMetrics(
                        MicrometerMetrics.newMicrometerMetricsBuilder(registry).build()));
        SwavJobReconciler reconciler = new SwavJobReconciler(client, new JobMetrics(registry), Clock.systemUTC());
        operator.register(reconciler, overrider -> {
            if (config.namespaces().isEmpty()) {
                overrider.watchingAllNamespaces();
            } else {
                overrider.settingNamespaces(config.namespaces());
            }
            overrider.withRetry(new GenericRetry()
                    .setInitialInterval(RETRY_MILLIS)
                    .setIntervalMultiplier(2)
                    .setMaxInterval(LONGEST_RETRY_MILLIS)
                    .setMaxAttempts(-1));
        });
        HttpEndpoints endpoints = new HttpEndpoints(config.port(), () -> ailments(client, operator), registry::scrape);
        try {
            operator.start();
        } catch (RuntimeException e) {
            endpoints.close();
            client.close();
            throw e;
        }
        return new SwavOperator(client, operator, endpoints);
    }

    /** The port of {@code /healthz} and {@code /metrics}. */
    public int port() {
        return endpoints.port();
    }

    private static List<String> ailments(KubernetesClient client, Operator operator) {
        List<String> wrong = new ArrayList<>();
        if (!operator.getRuntimeInfo().isStarted()) {
            wrong.add("starting: the informers have not synced");
        } else if (!operator.getRuntimeInfo().allEventSourcesAreHealthy()) {
            wrong.add("an informer is not watching");
        }
        try {
            client.getKubernetesVersion();
        } catch (KubernetesClientException e) {
            wrong.add("the API server does not answer: " + e.getMessage());
        }
        return wrong;
    }

    @Override
    public void close() {
        try {
            operator.stop();
        } finally {
            endpoints.close();
            client.close();
        }
    }
}
