package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.api.model.admissionregistration.v1.ValidatingWebhookConfigurationBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.swav.api.ConditionType;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.World;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The operator or the API server is temporarily down, or the API server returns errors. */
class OutageIT extends OperatedJob {
    OutageIT(KubernetesClient client, LocalControlPlane cluster) throws IOException {
        super(client, cluster);
    }

    @Test
    void aNewOperatorContinuesWhereTheOldOneStopped() throws IOException {
        apply("replicas: 2");
        soon().untilAsserted(() -> assertThat(trainers.pods()).hasSize(2));
        trainers.ready("job-0");
        trainers.ready("job-1");
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-0", "job-1"));
        Secret key = handshake();
        stopOperator();
        client.pods().inNamespace(namespace).withName("job-0").delete();
        startOperator();

        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
        soon().untilAsserted(() -> assertThat(trainers.pods()).containsExactly("job-1", "job-2"));
        soon().untilAsserted(() -> assertThat(ledger().preemptions())
                .as("of %s", ledger().incidents())
                .isEqualTo(1));
        assertThat(handshake().getData()).isEqualTo(key.getData());
    }

    private Secret handshake() {
        return client.secrets().inNamespace(namespace).withName("job-handshake").get();
    }

    @Test
    void blamesNoTrainerForAnApiServerOutageAndCatchesUp() throws Exception {
        formOfTwo("replicas: 2, recovery: {hungAfterSeconds: 2}");
        World before = trainers.world();
        List<Incident> incidents = ledger().incidents();
        cluster.stopApiServer();
        try {
            Thread.sleep(9_000);
        } finally {
            cluster.startApiServer();
            awaitControllers();
        }
        trainers.training("job-0", before.generation(), 20);
        trainers.training("job-1", before.generation(), 20);
        soon().untilAsserted(() ->
                assertThat(requireNonNull(status().progress()).step()).isEqualTo(20));
        assertThat(trainers.world()).isEqualTo(before);
        assertThat(ledger().incidents())
                .as("the cost of the last incident may have been added since")
                .hasSameSizeAs(incidents);
        client.pods().inNamespace(namespace).withName("job-0").delete();
        soon().untilAsserted(() -> assertThat(members()).containsExactly("job-1"));
    }

    /** Waits until the controllers notice that the server is back; until then pods of a new service account are rejected. */
    private void awaitControllers() {
        client.resource(new ServiceAccountBuilder()
                        .withNewMetadata()
                        .withName("later")
                        .withNamespace(namespace)
                        .endMetadata()
                        .build())
                .create();
        soon().atMost(Duration.ofMinutes(2)).until(() -> tryPod("later") != null);
    }

    /** Creates a pod with that service account by a dry run, without retries. */
    private Pod tryPod(String account) {
        Pod pod = new PodBuilder()
                .withNewMetadata()
                .withName("tried")
                .withNamespace(namespace)
                .endMetadata()
                .withNewSpec()
                .withServiceAccountName(account)
                .addNewContainer()
                .withName("any")
                .withImage("any")
                .endContainer()
                .endSpec()
                .build();
        Config once = new ConfigBuilder(client.getConfiguration())
                .withRequestRetryBackoffLimit(0)
                .build();
        try (KubernetesClient asking =
                new KubernetesClientBuilder().withConfig(once).build()) {
            return asking.resource(pod).dryRun(true).create();
        }
    }

    @Test
    void anApiErrorDuringPodCreationIsReportedAndRetried() {
        client.resource(new ValidatingWebhookConfigurationBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .endMetadata()
                        .addNewWebhook()
                        .withName("nobody.swav.io")
                        .withAdmissionReviewVersions("v1")
                        .withSideEffects("None")
                        .withFailurePolicy("Fail")
                        .withTimeoutSeconds(1)
                        .withNewNamespaceSelector()
                        .addToMatchLabels("test", namespace)
                        .endNamespaceSelector()
                        .addNewRule()
                        .withApiGroups("")
                        .withApiVersions("v1")
                        .withOperations("CREATE")
                        .withResources("pods")
                        .endRule()
                        .withNewClientConfig()
                        .withUrl("https://127.0.0.1:1/nobody")
                        .endClientConfig()
                        .endWebhook()
                        .build())
                .create();
        try {
            // the API server notices it by a watch of its own
            soon().untilAsserted(
                            () -> assertThatThrownBy(() -> tryPod("default")).hasMessageContaining("nobody.swav.io"));
            apply("replicas: 1");
            soon().untilAsserted(() -> {
                assertThat(status().condition(ConditionType.Reconciling)
                                .orElseThrow()
                                .reason())
                        .isEqualTo("ApiError");
                assertThat(message(ConditionType.Ready)).contains("retrying").contains("nobody.swav.io");
            });
        } finally {
            client.admissionRegistration()
                    .v1()
                    .validatingWebhookConfigurations()
                    .withName(namespace)
                    .delete();
        }
        soon().untilAsserted(() -> {
            assertThat(trainers.pods()).hasSize(1);
            assertThat(status().condition(ConditionType.Reconciling)
                            .orElseThrow()
                            .reason())
                    .isEqualTo("Pending");
        });
    }
}
