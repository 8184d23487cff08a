package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import org.junit.jupiter.api.Test;

class JobMetricsTest {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JobMetrics metrics = new JobMetrics(registry);

    @Test
    void tellsWhatTheLedgerSaysAndForgetsWithTheJob() {
        SwavJob job = Jobs.job("replicas: 2");
        metrics.record(job, Serialization.unmarshal("""
                ledger: {goodput: 0.9, stepsLost: 3, hangs: 1, secondsLostByCause: {Hang: 61.5, Preemption: 4}}
                conditions: [{type: Failed, status: 'False', reason: a, message: b, lastTransitionTime: c},
                  {type: Running, status: 'True', reason: a, message: b, lastTransitionTime: c}]
                """, SwavJobStatus.class));
        assertThat(registry.scrape().lines().filter(line -> !line.startsWith("#")))
                .containsExactlyInAnyOrder(
                        "swav_job_goodput{job=\"job\",namespace=\"ns\"} 0.9",
                        "swav_job_steps_lost{job=\"job\",namespace=\"ns\"} 3.0",
                        "swav_job_hangs{job=\"job\",namespace=\"ns\"} 1.0",
                        "swav_job_seconds_lost{cause=\"Hang\",job=\"job\",namespace=\"ns\"} 61.5",
                        "swav_job_seconds_lost{cause=\"Preemption\",job=\"job\",namespace=\"ns\"} 4.0",
                        "swav_job_condition{condition=\"Failed\",job=\"job\",namespace=\"ns\"} 0.0",
                        "swav_job_condition{condition=\"Running\",job=\"job\",namespace=\"ns\"} 1.0");
        metrics.forget(job);
        assertThat(registry.scrape().lines().filter(line -> !line.startsWith("#")))
                .isEmpty();
    }
}
