package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** A job with {@code activeDeadlineSeconds} ends in time, whatever happens to the operator meanwhile. */
class ActiveDeadlineIT extends OperatedJob {
    private static final String TWO = "replicas: 2, elastic: {growAfterSeconds: 0}";

    ActiveDeadlineIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    private JobCondition failed() {
        return status().condition(ConditionType.Failed).orElseThrow();
    }

    private Instant start() {
        return Instant.parse(requireNonNull(status().startTime()));
    }

    /** No pod starts, so nothing but the clock wakes the operator. */
    @Test
    void aJobThatGetsNoCapacityEndsByTheClockAlone() throws Exception {
        apply(TWO + ", activeDeadlineSeconds: 4");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Failed));
        assertThat(failed().reason()).isEqualTo("DeadlineExceeded");
        Instant ended = Instant.parse(failed().lastTransitionTime()).plusSeconds(1); // whole seconds
        assertThat(Duration.between(start(), ended)).isBetween(Duration.ofSeconds(4), Duration.ofSeconds(9));
        soon().untilAsserted(() -> assertThat(trainers.pods()).isEmpty());
        soon().untilAsserted(() -> assertThat(events()).contains("Failed", "PodsDeleted"));
        assertThat(get("/metrics"))
                .contains("swav_job_condition{condition=\"Failed\",job=\"job\",namespace=\"" + namespace + "\"} 1");
        assertThat(get("/")).contains("DeadlineExceeded", "spec.activeDeadlineSeconds, 4 s");
    }

    @Test
    void aTrainingJobKeepsItsClockThroughARestartAndItsTrainersLeaveToSave() throws Exception {
        formOfTwo(TWO + ", activeDeadlineSeconds: 3600");
        Instant start = start();
        stopOperator();
        startOperator();
        long seconds = Duration.between(start, Instant.now()).toSeconds() + 4;
        apply(TWO + ", activeDeadlineSeconds: " + seconds);
        soon().untilAsserted(() -> assertThat(failed().reason()).isEqualTo("DeadlineExceeded"));
        assertThat(start()).as("the start that the first operator stored").isEqualTo(start);
        assertThat(Instant.now()).isAfterOrEqualTo(start.plusSeconds(seconds));
        assertThat(members())
                .as("a world without members, so that one of them saves")
                .isEmpty();
        assertThat(failed().message()).contains("continues from it");
        assertThat(ledger().failures()).isZero();

        apply(TWO + ", activeDeadlineSeconds: 7200");
        soon().untilAsserted(() -> assertThat(status().observedGeneration())
                .isEqualTo(job().get().getMetadata().getGeneration()));
        assertThat(status().phase()).as("as a Job, it stays Failed").isEqualTo(Phase.Failed);
    }

    @Test
    void suspendedTimeDoesNotCount() {
        apply(TWO + ", activeDeadlineSeconds: 3600");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        soon().untilAsserted(() -> assertThat(status().startTime()).isNotNull());
        Instant first = start();
        apply(TWO + ", activeDeadlineSeconds: 3600, suspend: true");
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Suspended));
        assertThat(status().startTime()).isNull();

        apply(TWO + ", activeDeadlineSeconds: 3600, suspend: false");
        soon().untilAsserted(() -> assertThat(start()).isAfter(first));
        assertThat(status().phase()).isNotEqualTo(Phase.Failed);
    }
}
