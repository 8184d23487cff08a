package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.RequestConfigBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is wrong with the operator. The API server is asked again and again beside those who ask here, who get its last
 * answer at once: where packets to it are dropped, a probe that waited for it would fail, and the operator be killed.
 */
final class Health implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Health.class);
    private static final String NOT_WATCHING = "an informer is not watching";
    private static final int CHECK_MILLIS = 5_000;

    private final KubernetesClient client;
    private final BooleanSupplier started;
    private final BooleanSupplier watching;
    private final Timer checks = new Timer("api-server-check", true);
    /** Why the API server did not answer when it was asked last; empty when it did. */
    private volatile String outage = "";

    private Health(KubernetesClient client, BooleanSupplier started, BooleanSupplier watching) {
        this.client = client;
        this.started = started;
        this.watching = watching;
    }

    /**
     * Asks the API server, and goes on to.
     *
     * @param started whether the informers have synced
     * @param watching whether each of them watches now
     */
    static Health of(KubernetesClient client, BooleanSupplier started, BooleanSupplier watching) {
        KubernetesClient once = client.newClient(new RequestConfigBuilder()
                        .withRequestRetryBackoffLimit(0)
                        .build())
                .adapt(KubernetesClient.class);
        Health health = new Health(once, started, watching);
        health.check();
        TimerTask check = new TimerTask() {
            @Override
            public void run() {
                health.check();
            }
        };
        health.checks.schedule(check, CHECK_MILLIS, CHECK_MILLIS);
        return health;
    }

    private void check() {
        String before = outage;
        try {
            client.getKubernetesVersion();
            outage = "";
        } catch (RuntimeException e) { // any that came through would end the checks
            outage = String.valueOf(e.getMessage());
        }
        if (before.isEmpty() && !outage.isEmpty()) {
            LOG.warn(
                    "the API server does not answer: {}. Jobs train on; nothing is replaced or started until it does",
                    outage);
        } else if (!before.isEmpty() && outage.isEmpty()) {
            LOG.info("the API server answers again");
        }
    }

    List<String> problems() {
        List<String> wrong = new ArrayList<>();
        if (!started.getAsBoolean()) {
            wrong.add("starting: the informers have not synced");
        } else if (!watching.getAsBoolean()) {
            wrong.add(NOT_WATCHING);
        }
        String why = outage;
        if (!why.isEmpty()) {
            wrong.add("the API server does not answer: " + why);
        }
        return wrong;
    }

    /** What a restart mends; an API server that is away is not of that kind. */
    List<String> fatalProblems() {
        List<String> wrong = problems();
        return wrong.equals(List.of(NOT_WATCHING)) ? wrong : List.of();
    }

    @Override
    public void close() {
        checks.cancel();
    }
}
