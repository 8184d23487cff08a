package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.ConditionType;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Errors in a spec are reported and do no harm, even while the job is training. */
class WrongSpecIT extends OperatedJob {
    WrongSpecIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void aSpecThatBreaksARuleCreatesNoPodsAndNamesTheField() {
        String broken = "replicas: 2, elastic: {minReplicas: 3}, assignment: {queue: {length: 9}}";
        String rule = "spec.replicas is below spec.elastic.minReplicas";
        if (TestCluster.enforcesRules(client)) {
            assertRejected(broken, rule);
            assertThat(job().get()).isNull();
            return;
        }
        apply(broken);
        soon().untilAsserted(() -> {
            assertThat(status().phase()).isEqualTo(Phase.Invalid);
            assertThat(message(ConditionType.Stalled))
                    .contains(rule)
                    .contains("spec.assignment.queue needs spec.assignment.mode Queue");
            assertThat(status().observedGeneration()).isEqualTo(1);
        });
        assertThat(trainers.pods()).isEmpty();
    }

    private void assertRejected(String spec, String rule) {
        assertThatThrownBy(() -> apply(spec))
                .isInstanceOfSatisfying(
                        KubernetesClientException.class,
                        rejection -> assertThat(rejection.getCode()).isEqualTo(422))
                .hasMessageContaining(rule);
    }

    @Test
    void aChangedImmutableFieldIsReportedAndIgnored() {
        apply("replicas: 1");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(1));
        trainers.ready("job-0");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
        String changed = "replicas: 1, model: {prototypes: 30}";
        String rule = "spec.model cannot change";
        if (TestCluster.enforcesRules(client)) {
            assertRejected(changed, rule);
        } else {
            apply(changed);
            soon().untilAsserted(
                            () -> assertThat(message(ConditionType.Stalled)).contains(rule));
        }
        assertThat(members()).containsExactly("job-0");
        assertThat(client.configMaps()
                        .inNamespace(namespace)
                        .withName("job-config")
                        .get()
                        .getData()
                        .get(ResourceNames.CONFIG_KEY))
                .contains("\"prototypes\" : 3000");
    }

    @Test
    void aTemplateThatBreaksWhileTheJobTrainsStopsOnlyNewPods() {
        formOfTwo("replicas: 2");
        long step = 7;
        for (String broken : List.of("{spec: {containers: []}}", "{spec: {containers: [{}]}}")) {
            applyTemplate("replicas: 2", broken);
            awaitSpecSeen();
            client.pods().inNamespace(namespace).withName("job-1").delete();
            soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0"));
            step += 10;
            long made = step;
            trainers.training("job-0", trainers.world().generation(), made);
            soon().untilAsserted(() -> {
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(made);
                assertThat(status().phase()).isEqualTo(Phase.Running);
                assertThat(message(ConditionType.Stalled)).contains("spec.template");
            });
        }
        assertThat(trainers.pods()).containsExactly("job-0");
        apply("replicas: 2");
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(2);
            assertThat(status().isTrue(ConditionType.Stalled)).isFalse();
        });
    }

    /** Trainers report every second, and each report triggers a plan. */
    @Test
    void aRejectedPodIsRetriedWhenTheJobChangesNotWithEveryReport() {
        formOfTwo("replicas: 2");
        applyTemplate("replicas: 2", "{spec: {containers: [{name: trainer}]}}");
        awaitSpecSeen();
        client.pods().inNamespace(namespace).withName("job-1").delete();
        soon().untilAsserted(() -> assertThat(
                        status().condition(ConditionType.Stalled).orElseThrow().reason())
                .isEqualTo("PodRefused"));
        await().during(Duration.ofSeconds(5))
                .atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(message(ConditionType.Stalled)).contains("spec.containers[0].image"));
        apply("replicas: 2");
        soon().untilAsserted(() ->
                assertThat(trainers.pods()).as("one number was used up").containsExactly("job-0", "job-3"));
    }

    /** Waits for the new template: jobs and pods are watched separately, so the pod's deletion could be seen first. */
    private void awaitSpecSeen() {
        soon().untilAsserted(() -> assertThat(status().observedGeneration())
                .isEqualTo(job().get().getMetadata().getGeneration()));
    }
}
