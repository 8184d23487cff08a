package io.swav.operator;

import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot.GaugeDataPointSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricMetadata;
import io.prometheus.metrics.model.snapshots.MetricSnapshot;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.swav.api.ConditionType;
import io.swav.api.DataInventory;
import io.swav.api.LearningFigures;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Ledger;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.SwavJobStatus.WorldStatus;
import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Exports each job's status as gauges with the labels namespace and job; only the leader does.
 *
 * <p>A job has one immutable row of numbers, which {@link #record} replaces, whatever the number of jobs. A scrape copies the
 * list of rows first, so it has all metrics of a job or none. Prometheus' own client asks for all rows once a scrape; meters
 * of Micrometer would be 30 objects and as many map entries for each job.
 *
 * <p>Rows of 10,000 jobs must stay under 25 MB, so zeros that follow from something else are left out: what a world counts
 * before there is one, and conditions that are False while nothing is wrong.
 */
final class JobMetrics implements MultiCollector {
    private static final String CONDITION = "swav_job_condition";
    private static final String SECONDS_LOST = "swav_job_seconds_lost";
    /** The conditions whose False says that something is missing; any other is exported only while it is True. */
    private static final Set<String> FALSE_MATTERS = EnumSet.of(
                    ConditionType.Ready,
                    ConditionType.Running,
                    ConditionType.Admitted, // only jobs in a queue have it
                    ConditionType.DataReady,
                    ConditionType.Complete,
                    ConditionType.CheckpointsSaved)
            .stream()
            .map(Enum::name)
            .collect(Collectors.toUnmodifiableSet());

    private record Gauge(String name, String help, Function<SwavJobStatus, @Nullable Number> value) {}

    private static final List<Gauge> GAUGES = List.of(
            gauge("replicas", "trainer pods that have not ended", SwavJobStatus::replicas),
            gauge("ready", "trainer pods that are Ready", SwavJobStatus::readyReplicas),
            gauge("world_size", "trainers in the world", world(WorldStatus::size)),
            gauge("world_generation", "worlds formed", world(WorldStatus::generation)),
            gauge("step", "global steps applied", progress(Progress::step)),
            gauge("steps", "global steps of the job", progress(Progress::steps)),
            gauge("loss", "loss of the last step, nats", progress(Progress::loss)),
            gauge("images_per_second", "images per second over all trainers", progress(Progress::imagesPerSecond)),
            gauge(
                    "loss_of_chance",
                    "ln K, the loss of a network that tells no images apart",
                    learning(LearningFigures::lossOfChance)),
            gauge(
                    "embedding_spread",
                    "standard deviation of embeddings, 1 spread, 0 equal",
                    learning(LearningFigures::embeddingSpread)),
            gauge(
                    "prediction_perplexity",
                    "exp of the entropy of the mean prediction, from 1 to K",
                    learning(LearningFigures::predictionPerplexity)),
            gauge(
                    "prediction_entropy",
                    "mean entropy of a prediction, nats",
                    learning(LearningFigures::predictionEntropy)),
            gauge(
                    "information",
                    "mutual information of image and prototype, nats",
                    learning(LearningFigures::information)),
            gauge(
                    "dead_prototypes",
                    "share of prototypes that are no image's best",
                    learning(LearningFigures::deadPrototypes)),
            gauge("gradient_norm", "Euclidean norm of the gradients", learning(LearningFigures::gradientNorm)),
            gauge(
                    "feature_rank",
                    "RankMe of the backbone's features of one group",
                    learning(LearningFigures::featureRank)),
            gauge("data_wait", "share of the time that rank 0 waits for images", learning(LearningFigures::dataWait)),
            gauge("knn_top1", "kNN top-1 on data.evalUri, percent", progress(Progress::knnTop1)),
            gauge("images", "images that training sees", data(DataInventory::images)),
            gauge(
                    "image_sets",
                    "with data.grow, sets of images that epochs have seen, at most the last ten",
                    data(data -> data.sets() == null ? null : data.sets().size())),
            gauge("preemptions", "pods that were preempted", ledger(Ledger::preemptions)),
            gauge("failures", "failures: pods that fail together are one", ledger(Ledger::failures)),
            gauge("hangs", "hangs: pods that hang together are one", ofWorlds(Ledger::hangs)),
            gauge(
                    "failures_recent",
                    "failures and hangs that count towards recovery.maxFailures",
                    ledger(ledger -> ledger.recentFailures() == null || ledger.recentFailures() == 0
                            ? null
                            : ledger.recentFailures())),
            gauge("not_finite", "steps that were NaN or infinite and were dropped", ofWorlds(Ledger::notFinite)),
            gauge("divergences", "trainers whose copy of the state differed", ofWorlds(Ledger::divergences)),
            gauge("resizes", "worlds after the first", ofWorlds(Ledger::resizes)),
            gauge("steps_lost", "steps that were started and lost", ofWorlds(Ledger::stepsLost)),
            gauge("goodput", "share of the time that went into steps that were kept", ledger(Ledger::goodput)),
            gauge("checkpoint_step", "step of the newest checkpoint", checkpoint(CheckpointEntry::step)),
            gauge("checkpoint_bytes", "size of the newest checkpoint", checkpoint(CheckpointEntry::bytes)),
            gauge(
                    "checkpoint_seconds",
                    "how long saving the newest checkpoint took",
                    checkpoint(CheckpointEntry::seconds)),
            gauge("checkpoint_verified", "checkpoints that match their manifests", JobMetrics::verified));

    /** A job's numbers: a value for each gauge, NaN for none; 0 or 1 by condition; seconds lost by cause. */
    private record Row(DoubleBuffer values, Map<String, Double> conditions, Map<String, Double> lost) {}

    private record Labeled(Labels labels, Row row) {}

    /** In the order that a snapshot wants, so that it finds its rows sorted. */
    private final ConcurrentSkipListMap<Labels, Row> rows = new ConcurrentSkipListMap<>();

    /** Replaces the job's row. */
    void record(SwavJob job, SwavJobStatus status) {
        double[] values = GAUGES.stream()
                .mapToDouble(gauge -> Optional.ofNullable(gauge.value().apply(status))
                        .map(Number::doubleValue)
                        .orElse(Double.NaN))
                .toArray();
        Map<String, Double> conditions = Optional.ofNullable(status.conditions()).orElse(List.of()).stream()
                .filter(condition -> isTrue(condition) || FALSE_MATTERS.contains(condition.type()))
                .collect(Collectors.toUnmodifiableMap(JobCondition::type, condition -> isTrue(condition) ? 1.0 : 0.0));
        Map<String, Double> lost = Optional.ofNullable(status.ledger())
                .map(Ledger::secondsLostByCause)
                .map(Map::copyOf)
                .orElse(Map.of());
        rows.put(labels(job), new Row(DoubleBuffer.wrap(values), conditions, lost));
    }

    void forget(SwavJob job) {
        rows.remove(labels(job));
    }

    /** Removes the rows of all jobs in this namespace, because nothing about them is known any more. */
    void forgetNamespace(String namespace) {
        rows.keySet().removeIf(labels -> namespace.equals(labels.get("namespace")));
    }

    @Override
    public MetricSnapshots collect() {
        List<Labeled> all = rows.entrySet().stream()
                .map(entry -> new Labeled(entry.getKey(), entry.getValue()))
                .toList();
        List<MetricSnapshot> snapshots = new ArrayList<>();
        for (int i = 0; i < GAUGES.size(); i++) {
            int column = i;
            Gauge gauge = GAUGES.get(i);
            add(
                    snapshots,
                    gauge.name(),
                    gauge.help(),
                    all.stream()
                            .filter(job -> !Double.isNaN(job.row().values().get(column)))
                            .map(job -> new GaugeDataPointSnapshot(
                                    job.row().values().get(column), job.labels(), null)));
        }
        String condition =
                "1 if the condition is True, otherwise 0; label condition. Some are exported only while they are True";
        add(snapshots, CONDITION, condition, byLabel("condition", all, Row::conditions));
        add(snapshots, SECONDS_LOST, "seconds without training; label cause", byLabel("cause", all, Row::lost));
        return new MetricSnapshots(snapshots);
    }

    @Override
    public List<String> getPrometheusNames() {
        return Stream.concat(GAUGES.stream().map(Gauge::name), Stream.of(CONDITION, SECONDS_LOST))
                .toList();
    }

    /** Returns a row for each job and key, ordered by key, then by job, as {@link Labels} are. */
    private static Stream<GaugeDataPointSnapshot> byLabel(
            String name, List<Labeled> jobs, Function<Row, Map<String, Double>> values) {
        TreeSet<String> keys = jobs.stream()
                .flatMap(job -> values.apply(job.row()).keySet().stream())
                .collect(Collectors.toCollection(TreeSet::new));
        return keys.stream()
                .flatMap(key -> jobs.stream()
                        .flatMap(job ->
                                Optional.ofNullable(values.apply(job.row()).get(key))
                                        .map(value -> new GaugeDataPointSnapshot(
                                                value, job.labels().add(name, key), null))
                                        .stream()));
    }

    private static void add(
            List<MetricSnapshot> snapshots, String name, String help, Stream<GaugeDataPointSnapshot> points) {
        List<GaugeDataPointSnapshot> list = points.toList();
        if (!list.isEmpty()) {
            snapshots.add(new GaugeSnapshot(new MetricMetadata(name, help), list));
        }
    }

    private static Gauge gauge(String name, String help, Function<SwavJobStatus, @Nullable Number> value) {
        return new Gauge("swav_job_" + name, help, value);
    }

    private static Function<SwavJobStatus, @Nullable Number> world(Function<WorldStatus, @Nullable Number> value) {
        return of(SwavJobStatus::world, value);
    }

    private static Function<SwavJobStatus, @Nullable Number> progress(Function<Progress, @Nullable Number> value) {
        return of(SwavJobStatus::progress, value);
    }

    private static Function<SwavJobStatus, @Nullable Number> learning(
            Function<LearningFigures, @Nullable Number> value) {
        return progress(progress -> progress.learning() == null ? null : value.apply(progress.learning()));
    }

    private static Function<SwavJobStatus, @Nullable Number> data(Function<DataInventory, @Nullable Number> value) {
        return progress(of(Progress::data, value));
    }

    private static Function<SwavJobStatus, @Nullable Number> ledger(Function<Ledger, @Nullable Number> value) {
        return of(SwavJobStatus::ledger, value);
    }

    /** What only a world can count, so that it is 0 before the first one. */
    private static Function<SwavJobStatus, @Nullable Number> ofWorlds(Function<Ledger, @Nullable Number> value) {
        return of(status -> status.world() == null ? null : status.ledger(), value);
    }

    private static Function<SwavJobStatus, @Nullable Number> checkpoint(
            Function<CheckpointEntry, @Nullable Number> value) {
        return of(SwavJobStatus::checkpoints, all -> all.isEmpty() ? null : value.apply(all.get(0)));
    }

    private static @Nullable Number verified(SwavJobStatus status) {
        List<CheckpointEntry> all = Optional.ofNullable(status.checkpoints()).orElse(List.of());
        return all.isEmpty()
                ? null
                : all.stream()
                        .filter(entry -> Boolean.TRUE.equals(entry.verified()))
                        .count();
    }

    private static <S, T> Function<S, @Nullable Number> of(
            Function<S, @Nullable T> part, Function<T, @Nullable Number> value) {
        return whole -> {
            T there = part.apply(whole);
            return there == null ? null : value.apply(there);
        };
    }

    private static boolean isTrue(JobCondition condition) {
        return condition.status().equals("True");
    }

    private static Labels labels(SwavJob job) {
        return Labels.of(
                "job",
                job.getMetadata().getName(),
                "namespace",
                job.getMetadata().getNamespace());
    }
}
