package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.RequestConfigBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Timer;
import java.util.TimerTask;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports problems of the operator. A timer checks the API server in the background, and a probe gets the last result
 * at once: if packets to the API server are dropped, a probe that waited for it would fail, and the operator would be
 * killed.
 */
final class Health implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Health.class);
    private static final String NOT_WATCHING = "an informer is not watching";
    private static final int CHECK_MILLIS = 5_000;

    private final KubernetesClient client;
    private final BooleanSupplier started;
    private final BooleanSupplier watching;
    private final Supplier<List<String>> others;
    private final Timer checks = new Timer("api-server-check", true);
    /** Why the API server did not respond at the last check; empty if it did. */
    private volatile String outage = "";

    private Health(
            KubernetesClient client, BooleanSupplier started, BooleanSupplier watching, Supplier<List<String>> others) {
        this.client = client;
        this.started = started;
        this.watching = watching;
        this.others = others;
    }

    /**
     * Checks the API server now and then periodically.
     *
     * @param started whether the informers have synced
     * @param watching whether each of them watches now
     * @param others problems that somebody else finds, which a restart does not solve
     */
    static Health of(
            KubernetesClient client, BooleanSupplier started, BooleanSupplier watching, Supplier<List<String>> others) {
        KubernetesClient once = client.newClient(new RequestConfigBuilder()
                        .withRequestRetryBackoffLimit(0)
                        .build())
                .adapt(KubernetesClient.class);
        Health health = new Health(once, started, watching, others);
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
        } catch (RuntimeException e) { // an exception that escaped would end the checks
            outage = String.valueOf(e.getMessage());
        }
        if (before.isEmpty() && !outage.isEmpty()) {
            LOG.warn(
                    "the API server is not responding: {}. Running jobs keep training; no pods are"
                            + " created or replaced until it responds",
                    outage);
        } else if (!before.isEmpty() && outage.isEmpty()) {
            LOG.info("the API server is responding again");
        }
    }

    List<String> problems() {
        List<String> wrong = new ArrayList<>(others.get());
        if (!started.getAsBoolean()) {
            wrong.add("starting: the informers have not synced");
        } else if (!watching.getAsBoolean()) {
            wrong.add(NOT_WATCHING);
        }
        String why = outage;
        if (!why.isEmpty()) {
            wrong.add("the API server is not responding: " + why);
        }
        return wrong;
    }

    /** Returns the problems that a restart would solve; an outage of the API server is not one of them. */
    List<String> fatalProblems() {
        List<String> wrong = problems();
        return wrong.equals(List.of(NOT_WATCHING)) ? wrong : List.of();
    }

    @Override
    public void close() {
        checks.cancel();
    }
}
