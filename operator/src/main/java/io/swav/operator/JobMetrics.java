package io.swav.operator;

import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Publishes each job's status as gauges with the labels namespace and job; only the leader does. */
final class JobMetrics {
    private record Key(String namespace, String name) implements Comparable<Key> {
        @Override
        public int compareTo(Key other) {
            int byNamespace = namespace.compareTo(other.namespace);
            return byNamespace != 0 ? byNamespace : name.compareTo(other.name);
        }
    }

    private final Map<MultiGauge, Function<SwavJobStatus, @Nullable Number>> gauges = new LinkedHashMap<>();
    private final PrometheusMeterRegistry registry;
    private final MultiGauge conditions;
    private final MultiGauge lost;
    private final Map<Key, SwavJobStatus> jobs = new TreeMap<>();

    JobMetrics(PrometheusMeterRegistry registry) {
        this.registry = registry;
        conditions = MultiGauge.builder("swav.job.condition")
                .description("1 if the condition is True, otherwise 0; label condition")
                .register(registry);
        lost = MultiGauge.builder("swav.job.seconds.lost")
                .description("seconds without training; label cause")
                .register(registry);
        gauge("swav.job.replicas", "trainer pods that have not ended", SwavJobStatus::replicas);
        gauge("swav.job.ready", "trainer pods that are Ready", SwavJobStatus::readyReplicas);
        gauge("swav.job.world.size", "trainers in the world", of(SwavJobStatus::world, w -> w.size()));
        gauge("swav.job.world.generation", "worlds formed", of(SwavJobStatus::world, w -> w.generation()));
        gauge("swav.job.step", "global steps applied", of(SwavJobStatus::progress, p -> p.step()));
        gauge("swav.job.steps", "global steps of the job", of(SwavJobStatus::progress, p -> p.steps()));
        gauge("swav.job.loss", "loss of the last step, nats", of(SwavJobStatus::progress, p -> p.loss()));
        gauge(
                "swav.job.images.per.second",
                "images per second over all trainers",
                of(SwavJobStatus::progress, p -> p.imagesPerSecond()));
        gauge(
                "swav.job.prototype.perplexity",
                "prototypes in use, from 1 to K",
                of(SwavJobStatus::progress, p -> p.prototypePerplexity()));
        gauge("swav.job.preemptions", "pods that were preempted", of(SwavJobStatus::ledger, l -> l.preemptions()));
        gauge(
                "swav.job.failures",
                "failures: pods that fail together are one",
                of(SwavJobStatus::ledger, l -> l.failures()));
        gauge("swav.job.hangs", "hangs: pods that hang together are one", of(SwavJobStatus::ledger, l -> l.hangs()));
        gauge(
                "swav.job.failures.recent",
                "failures and hangs that count towards recovery.maxFailures",
                of(SwavJobStatus::ledger, l -> l.recentFailures()));
        gauge(
                "swav.job.not.finite",
                "steps that were NaN or infinite and were dropped",
                of(SwavJobStatus::ledger, l -> l.notFinite()));
        gauge(
                "swav.job.divergences",
                "trainers whose copy of the state differed",
                of(SwavJobStatus::ledger, l -> l.divergences()));
        gauge("swav.job.resizes", "worlds after the first", of(SwavJobStatus::ledger, l -> l.resizes()));
        gauge("swav.job.steps.lost", "steps that were started and lost", of(SwavJobStatus::ledger, l -> l.stepsLost()));
        gauge(
                "swav.job.goodput",
                "share of the time that went into steps that were kept",
                of(SwavJobStatus::ledger, l -> l.goodput()));
        gauge("swav.job.checkpoint.step", "step of the newest checkpoint", checkpoint(c -> c.step()));
        gauge("swav.job.checkpoint.bytes", "size of the newest checkpoint", checkpoint(c -> c.bytes()));
        gauge(
                "swav.job.checkpoint.seconds",
                "how long saving the newest checkpoint took",
                checkpoint(c -> c.seconds()));
        gauge(
                "swav.job.checkpoint.verified",
                "checkpoints that match their manifests",
                of(
                        SwavJobStatus::checkpoints,
                        all -> all.stream()
                                .filter(c -> Boolean.TRUE.equals(c.verified()))
                                .count()));
    }

    private static Function<SwavJobStatus, @Nullable Number> checkpoint(
            Function<SwavJobStatus.CheckpointEntry, @Nullable Number> value) {
        return of(SwavJobStatus::checkpoints, all -> all.isEmpty() ? null : value.apply(all.get(0)));
    }

    synchronized void record(SwavJob job, SwavJobStatus status) {
        jobs.put(key(job), status);
        publish();
    }

    synchronized void forget(SwavJob job) {
        jobs.remove(key(job));
        publish();
    }

    /**
     * Returns all metrics for Prometheus. Waits while a status is being published, because publishing removes and adds
     * each row, and a scrape in between would lack whole metrics.
     */
    synchronized String scrape() {
        return registry.scrape();
    }

    private static <T> Function<SwavJobStatus, @Nullable Number> of(
            Function<SwavJobStatus, @Nullable T> part, Function<T, @Nullable Number> value) {
        return status -> {
            T there = part.apply(status);
            return there == null ? null : value.apply(there);
        };
    }

    private void gauge(String name, String description, Function<SwavJobStatus, @Nullable Number> value) {
        gauges.put(MultiGauge.builder(name).description(description).register(registry), value);
    }

    private void publish() {
        gauges.forEach((gauge, value) -> {
            List<MultiGauge.Row<?>> rows = new ArrayList<>();
            jobs.forEach((key, status) -> {
                Number number = value.apply(status);
                if (number != null) {
                    rows.add(MultiGauge.Row.of(tags(key), number));
                }
            });
            gauge.register(rows, true);
        });
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        jobs.forEach((key, status) -> Optional.ofNullable(status.conditions())
                .orElse(List.of())
                .forEach(condition -> rows.add(MultiGauge.Row.of(
                        tags(key).and("condition", condition.type()),
                        condition.status().equals("True") ? 1 : 0))));
        conditions.register(rows, true);
        List<MultiGauge.Row<?>> causes = new ArrayList<>();
        jobs.forEach((key, status) -> Optional.ofNullable(status.ledger())
                .map(SwavJobStatus.Ledger::secondsLostByCause)
                .orElse(Map.of())
                .forEach((cause, seconds) ->
                        causes.add(MultiGauge.Row.of(tags(key).and("cause", cause), seconds))));
        lost.register(causes, true);
    }

    private static Tags tags(Key key) {
        return Tags.of("namespace", key.namespace(), "job", key.name());
    }

    private static Key key(SwavJob job) {
        return new Key(job.getMetadata().getNamespace(), job.getMetadata().getName());
    }
}
