package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class JobMetricsTest {
    private final JobMetrics metrics = new JobMetrics(new PrometheusMeterRegistry(PrometheusConfig.DEFAULT));

    @Test
    void publishesTheLedgerAndRemovesItWithTheJob() {
        SwavJob job = Jobs.job("replicas: 2");
        metrics.record(job, Serialization.unmarshal("""
                ledger: {goodput: 0.9, stepsLost: 3, hangs: 1, recentFailures: 2, notFinite: 5, secondsLostByCause: {Hang: 61.5, Preemption: 4}}
                conditions: [{type: Failed, status: 'False', reason: a, message: b, lastTransitionTime: c},
                  {type: Running, status: 'True', reason: a, message: b, lastTransitionTime: c}]
                """, SwavJobStatus.class));
        assertThat(lines())
                .containsExactlyInAnyOrder(
                        "swav_job_goodput{job=\"job\",namespace=\"ns\"} 0.9",
                        "swav_job_steps_lost{job=\"job\",namespace=\"ns\"} 3.0",
                        "swav_job_hangs{job=\"job\",namespace=\"ns\"} 1.0",
                        "swav_job_failures_recent{job=\"job\",namespace=\"ns\"} 2.0",
                        "swav_job_not_finite{job=\"job\",namespace=\"ns\"} 5.0",
                        "swav_job_seconds_lost{cause=\"Hang\",job=\"job\",namespace=\"ns\"} 61.5",
                        "swav_job_seconds_lost{cause=\"Preemption\",job=\"job\",namespace=\"ns\"} 4.0",
                        "swav_job_condition{condition=\"Failed\",job=\"job\",namespace=\"ns\"} 0.0",
                        "swav_job_condition{condition=\"Running\",job=\"job\",namespace=\"ns\"} 1.0");
        metrics.forget(job);
        assertThat(lines()).isEmpty();
    }

    @Test
    void aScrapeIsCompleteWhileAStatusIsRecorded() {
        SwavJob job = Jobs.job("replicas: 2");
        SwavJobStatus status = Serialization.unmarshal("""
                replicas: 2
                progress: {step: 3, steps: 9, loss: 1.5}
                ledger: {goodput: 0.9, stepsLost: 3, hangs: 1}
                """, SwavJobStatus.class);
        metrics.record(job, status);
        List<String> all = lines().toList();
        AtomicBoolean enough = new AtomicBoolean();
        CompletableFuture<Void> recording = CompletableFuture.runAsync(() -> {
            while (!enough.get()) {
                metrics.record(job, status);
            }
        });
        for (int i = 0; i < 2000; i++) {
            assertThat(lines()).as("scrape %d", i).containsExactlyElementsOf(all);
        }
        enough.set(true);
        recording.join();
    }

    private Stream<String> lines() {
        return metrics.scrape().lines().filter(line -> !line.startsWith("#"));
    }
}
