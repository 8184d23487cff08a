package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class JobMetricsTest {
    private static final int MANY = 3_000;
    private static final int BYTES_OF_A_JOB = 2_560;
    /** The status of a job in the midst of training, with everything that is exported. */
    private static final SwavJobStatus RUNNING =
            status("""
            replicas: 8
            readyReplicas: 8
            world: {generation: 12, size: 8, members: [], since: a}
            progress: {step: 123456, steps: 312500, epoch: 3, loss: 5.123, imagesPerSecond: 12345, learning: {lossOfChance: 8.006, embeddingSpread: 0.9876, predictionPerplexity: 2345.6, predictionEntropy: 5.4, information: 1.2, deadPrototypes: 0.01, gradientNorm: 12.3, featureRank: 45.6, dataWait: 0.01}}
            checkpoints: [{step: 123000, samples: 1, worldSize: 8, uri: u, digest: d, verified: true, time: t, bytes: 1234567890,
              seconds: 12.34}]
            ledger: {goodput: 0.987, stepsLost: 3, preemptions: 4, failures: 1, hangs: 0, recentFailures: 0, notFinite: 0,
              divergences: 0, resizes: 11, secondsLostByCause: {Preemption: 41.5}}
            """ + conditions("Running", "Ready", "DataReady", "CheckpointsSaved"));
    /** The status of a job that waits for its first pods. */
    private static final SwavJobStatus PENDING = status("""
            replicas: 8
            readyReplicas: 0
            checkpoints: []
            ledger: {stepsLost: 0, preemptions: 0, failures: 0, hangs: 0, recentFailures: 0, notFinite: 0, divergences: 0,
              resizes: 0, secondsLostByCause: {}}
            """ + conditions("Reconciling"));

    private final JobMetrics metrics = new JobMetrics();
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    JobMetricsTest() {
        registry.getPrometheusRegistry().register(metrics);
    }

    @Test
    void publishesTheLedgerAndRemovesItWithTheJob() {
        SwavJob job = Jobs.job("replicas: 2");
        metrics.record(job, status("""
                world: {generation: 1, size: 2}
                ledger: {goodput: 0.9, stepsLost: 3, hangs: 1, recentFailures: 2, notFinite: 5, secondsLostByCause: {Hang: 61.5, Preemption: 4}}
                conditions: [{type: Failed, status: 'True', reason: a, message: b, lastTransitionTime: c},
                  {type: Running, status: 'False', reason: a, message: b, lastTransitionTime: c}]
                """));
        assertThat(lines())
                .containsExactlyInAnyOrder(
                        "swav_job_world_generation{job=\"job\",namespace=\"ns\"} 1.0",
                        "swav_job_world_size{job=\"job\",namespace=\"ns\"} 2.0",
                        "swav_job_goodput{job=\"job\",namespace=\"ns\"} 0.9",
                        "swav_job_steps_lost{job=\"job\",namespace=\"ns\"} 3.0",
                        "swav_job_hangs{job=\"job\",namespace=\"ns\"} 1.0",
                        "swav_job_failures_recent{job=\"job\",namespace=\"ns\"} 2.0",
                        "swav_job_not_finite{job=\"job\",namespace=\"ns\"} 5.0",
                        "swav_job_seconds_lost{cause=\"Hang\",job=\"job\",namespace=\"ns\"} 61.5",
                        "swav_job_seconds_lost{cause=\"Preemption\",job=\"job\",namespace=\"ns\"} 4.0",
                        "swav_job_condition{condition=\"Failed\",job=\"job\",namespace=\"ns\"} 1.0",
                        "swav_job_condition{condition=\"Running\",job=\"job\",namespace=\"ns\"} 0.0");
        metrics.forget(job);
        assertThat(lines()).isEmpty();
    }

    @Test
    void exportsHowManyImagesEpochsSee() {
        metrics.record(
                Jobs.job("replicas: 2"),
                status("progress: {step: 1, data: {images: 72, sets: [{fromEpoch: 0, images: 48, fingerprint: a},"
                        + " {fromEpoch: 3, images: 72, fingerprint: b}]}}"));
        assertThat(lines())
                .contains(
                        "swav_job_images{job=\"job\",namespace=\"ns\"} 72.0",
                        "swav_job_image_sets{job=\"job\",namespace=\"ns\"} 2.0");
    }

    @Test
    void leavesOutZerosThatFollowFromSomethingElse() {
        metrics.record(job(0), PENDING);
        assertThat(lines().map(line -> line.replaceFirst("job=.*", "")))
                .containsExactlyInAnyOrder(
                        "swav_job_replicas{",
                        "swav_job_ready{",
                        "swav_job_preemptions{",
                        "swav_job_failures{",
                        "swav_job_condition{condition=\"Complete\",",
                        "swav_job_condition{condition=\"CheckpointsSaved\",",
                        "swav_job_condition{condition=\"DataReady\",",
                        "swav_job_condition{condition=\"Ready\",",
                        "swav_job_condition{condition=\"Reconciling\",",
                        "swav_job_condition{condition=\"Running\",");
        metrics.record(job(0), RUNNING);
        assertThat(lines())
                .as("what a world may count is there as 0 before it counts, so that increase() sees the first")
                .contains(
                        "swav_job_hangs{job=\"resnet50-00000\",namespace=\"team-0\"} 0.0",
                        "swav_job_divergences{job=\"resnet50-00000\",namespace=\"team-0\"} 0.0");
    }

    @Test
    void aScrapeIsCompleteWhileAStatusIsRecorded() {
        SwavJob job = Jobs.job("replicas: 2");
        metrics.record(job, RUNNING);
        List<String> all = lines().toList();
        AtomicBoolean enough = new AtomicBoolean();
        CompletableFuture<Void> recording = CompletableFuture.runAsync(() -> {
            while (!enough.get()) {
                metrics.record(job, RUNNING);
            }
        });
        for (int i = 0; i < 2000; i++) {
            assertThat(lines()).as("scrape %d", i).containsExactlyElementsOf(all);
        }
        enough.set(true);
        recording.join();
    }

    /** Counts the bytes that a call allocates, which unlike its time are the same on a busy machine. */
    @Test
    void recordingAJobCostsTheSameWhateverTheNumberOfJobs() {
        IntStream.range(0, 100).forEach(i -> metrics.record(job(i), RUNNING));
        long few = allocated(job(50));
        IntStream.range(100, MANY).forEach(i -> metrics.record(job(i), RUNNING));
        long many = allocated(job(50));
        assertThat(many).as("bytes allocated at %d jobs, %d at 100", MANY, few).isLessThan(few + few / 10);

        assertThat(lines().filter(line -> line.startsWith("swav_job_step{"))).hasSize(MANY);
        IntStream.range(0, MANY).forEach(i -> metrics.forget(job(i)));
        assertThat(lines()).isEmpty();
    }

    private long allocated(SwavJob job) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int calls = 100;
        IntStream.range(0, calls).forEach(i -> metrics.record(job, RUNNING)); // classes are loaded, code is compiled
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < calls; i++) {
            metrics.record(job, RUNNING);
        }
        return (threads.getCurrentThreadAllocatedBytes() - before) / calls;
    }

    @Test
    void aJobCostsLessThanTwoAndAHalfKilobytesOfAScrape() {
        for (SwavJobStatus status : List.of(RUNNING, PENDING)) {
            IntStream.range(0, 100).forEach(i -> metrics.record(job(i), status));
            long bytes = lines().mapToLong(line -> line.getBytes(StandardCharsets.UTF_8).length + 1)
                    .sum();
            assertThat(bytes / 100).as("%s", status.phase()).isLessThan(BYTES_OF_A_JOB);
        }
    }

    @Test
    void forgetsTheJobsOfANamespace() {
        IntStream.range(0, 20).forEach(i -> metrics.record(job(i), PENDING));
        metrics.forgetNamespace("team-3");
        assertThat(lines().filter(line -> line.startsWith("swav_job_replicas{")))
                .hasSize(18)
                .noneMatch(line -> line.contains("team-3"));
    }

    private static SwavJob job(int i) {
        SwavJob job = new SwavJob();
        job.setMetadata(new ObjectMetaBuilder()
                .withName(String.format(Locale.ROOT, "resnet50-%05d", i))
                .withNamespace("team-" + i % 10)
                .build());
        return job;
    }

    private static SwavJobStatus status(String yaml) {
        return Serialization.unmarshal(yaml, SwavJobStatus.class);
    }

    private static String conditions(String... isTrue) {
        StringBuilder yaml = new StringBuilder("conditions:\n");
        for (String type : List.of(
                "Ready",
                "Reconciling",
                "Stalled",
                "Running",
                "Resizing",
                "Suspended",
                "DataReady",
                "Complete",
                "Failed",
                "CheckpointsSaved",
                "CheckpointExceedsNotice",
                "WeightsNotKept")) {
            yaml.append("- {type: %s, status: '%s', reason: a, message: b, lastTransitionTime: c}\n"
                    .formatted(type, List.of(isTrue).contains(type) ? "True" : "False"));
        }
        return yaml.toString();
    }

    private Stream<String> lines() {
        return registry.scrape().lines().filter(line -> !line.startsWith("#"));
    }
}
