package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.DeletionPropagation;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.api.ConditionType;
import io.swav.api.ExitCodes;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.TrainerReport;
import io.swav.api.World;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The normal life of a job: it trains, scales, is suspended, completes, is deleted, and is measured. */
class JobLifeIT extends OperatedJob {
    JobLifeIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    /** An Event of another source is not listed as one of the operator's, so that the API server refuses the second. */
    @Test
    void anEventThatIsThereAlreadyHoldsBackNoOther() throws IOException {
        formOfTwo("replicas: 2, elastic: {growAfterSeconds: 0}");
        soon().untilAsserted(() -> assertThat(events()).contains("PodsCreated", "WorldPublished"));
        stopOperator();
        List<Event> before = client.v1().events().inNamespace(namespace).list().getItems();
        before.forEach(event -> client.resource(event)
                .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"source\": {\"component\": \"another\"}}"));
        startOperator();
        client.pods().inNamespace(namespace).withName("job-0").delete();
        soon().untilAsserted(() -> assertThat(
                        client.v1().events().inNamespace(namespace).list().getItems())
                .filteredOn(event -> "swav-operator".equals(event.getSource().getComponent()))
                .extracting(Event::getReason)
                .contains("PodPreempted", "WorldPublished", "PodsCreated"));
    }

    @Test
    void trainsFromTheFirstWorldToCompletionDespiteALostPod() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Pending);
            assertThat(message(ConditionType.Ready)).contains("Waiting for pods: 0 of at least 1 trainer ready");
        });

        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));
        long first = trainers.world().generation();
        trainers.training("job-0", first, 7);
        trainers.training("job-1", first, 7);
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Running);
            assertThat(status().isTrue(ConditionType.Ready)).isTrue();
            assertThat(requireNonNull(status().progress()).step()).isEqualTo(7);
            assertThat(requireNonNull(status().world()).collective()).isEqualTo("NCCL 2.27.3");
            assertThat(status().observedGeneration()).isEqualTo(1);
        });

        client.pods().inNamespace(namespace).withName("job-0").delete();
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2"));
        trainers.ready("job-2");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1", "job-2"));
        World last = trainers.world();
        assertThat(last.generation()).isEqualTo(first + 2);
        assertThat(requireNonNull(status().ledger()).preemptions()).isEqualTo(1);
        assertThat(requireNonNull(status().ledger()).failures()).isZero();

        trainers.done("job-1", last.generation(), 100);
        trainers.done("job-2", last.generation(), 100);
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Complete);
            assertThat(status().isTrue(ConditionType.Complete)).isTrue();
            assertThat(status().isTrue(ConditionType.Ready)).isTrue();
            assertThat(status().isTrue(ConditionType.Reconciling)).isFalse();
            assertThat(requireNonNull(status().progress()).step()).isEqualTo(100);
        });
        assertThat(events()).contains("WeightsNotKept", "PodsCreated", "WorldPublished", "PodPreempted", "Complete");
        assertThat(trainers.pods()).as("ended pods stay for their logs").containsExactly("job-1", "job-2");
    }

    @Test
    void aSpareStartsTrainingWhenTheOnlyMemberHasSavedAndLeft() {
        apply("replicas: 1, elastic: {spares: 1}");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0", "job-1"));
        trainers.ready("job-0");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        trainers.ready("job-1");
        long first = trainers.world().generation();
        trainers.training("job-0", 7, new TrainerReport.Regroup(first, null, 0, 7, 3.5));
        soon().untilAsserted(() -> assertThat(status().phase()).isEqualTo(Phase.Running));

        trainers.update("job-0", Map.of("state", "Leaving"));
        soon().untilAsserted(() -> assertThat(trainers.world().generation()).isEqualTo(first + 1));
        assertThat(members()).as("it is still saving the state").isEmpty();
        await().during(Duration.ofSeconds(2))
                .untilAsserted(() -> assertThat(members()).isEmpty());
        trainers.failed("job-0", ExitCodes.PREEMPTED, "leaving: SIGTERM received");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
        trainers.training("job-1", 8, new TrainerReport.Regroup(first + 2, null, 0, 1, 0.5));
        soon().untilAsserted(() -> {
            assertThat(ledger().preemptions()).isEqualTo(1);
            assertThat(ledger().failures()).isZero();
            assertThat(ledger().stepsLost()).isZero();
            assertThat(ledger().secondsLostByCause()).containsKey("Preemption");
        });
    }

    @Test
    void scalesBothWaysAndSuspends() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));

        job().scale(3);
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(3));
        trainers.ready("job-2");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1", "job-2"));

        job().scale(1);
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-0"));
        assertThat(requireNonNull(status().ledger()).preemptions())
                .as("the operator released it")
                .isZero();

        apply("replicas: 1, suspend: true");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(status().phase()).isEqualTo(Phase.Suspended);
            assertThat(status().isTrue(ConditionType.Suspended)).isTrue();
        });
        apply("replicas: 1, suspend: false");
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-3"));
    }

    @Test
    void deletingTheJobDeletesItsObjects() {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        job().delete();
        soon().atMost(Duration.ofMinutes(1)).untilAsserted(() -> {
            assertThat(trainers.pods()).isEmpty();
            assertThat(jobMaps()).isEmpty();
        });
    }

    @Test
    void aDeletedJobLeavesTheMetricsAndIsNotPlannedAgain() throws Exception {
        String labels = "job=\"job\",namespace=\"" + namespace + "\"";
        apply("replicas: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(1));
        trainers.failed("job-0", ExitCodes.NO_INPUT, "/data does not exist");
        soon().untilAsserted(() ->
                assertThat(get("/metrics")).contains("swav_job_condition{condition=\"Failed\"," + labels + "} 1.0"));
        job().delete();
        soon().untilAsserted(() -> assertThat(get("/metrics")).doesNotContain(labels));

        apply("replicas: 1");
        soon().untilAsserted(() -> assertThat(get("/metrics")).contains("swav_job_replicas{" + labels + "} 1.0"));
        job().withPropagationPolicy(DeletionPropagation.FOREGROUND).delete();
        soon().atMost(Duration.ofMinutes(1)).untilAsserted(() -> {
            assertThat(get("/metrics")).doesNotContain(labels);
            assertThat(job().get())
                    .as("no object is created that would block its deletion")
                    .isNull();
            assertThat(trainers.pods()).isEmpty();
            assertThat(jobMaps()).isEmpty();
        });
    }

    private List<ConfigMap> jobMaps() {
        return client.configMaps()
                .inNamespace(namespace)
                .withLabel(ResourceNames.LABEL_JOB)
                .list()
                .getItems();
    }

    @Test
    void servesHealthAndMetrics() throws Exception {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(get("/metrics"))
                .contains("swav_job_replicas{job=\"job\",namespace=\"" + namespace + "\"} 2.0"));
        assertThat(health()).isEqualTo("ok\n");
    }
}
