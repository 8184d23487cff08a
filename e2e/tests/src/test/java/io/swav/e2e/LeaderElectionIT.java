package io.swav.e2e;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.coordination.v1.Lease;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;
import io.swav.local.LocalControlPlane;
import io.swav.operator.OperatorConfig;
import io.swav.operator.SwavOperator;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Two operators compete for one lease: one acts, and the other takes over when it ends. */
@ExtendWith(TestCluster.class)
class LeaderElectionIT {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final String namespace = "lease-" + UUID.randomUUID().toString().substring(0, 8);
    private final KubernetesClient client;
    private final LocalControlPlane cluster;

    LeaderElectionIT(KubernetesClient client, LocalControlPlane cluster) {
        this.client = client;
        this.cluster = cluster;
    }

    @Test
    void theSecondOperatorTakesOverWhenTheFirstEnds() throws Exception {
        client.resource(new NamespaceBuilder()
                        .withNewMetadata()
                        .withName(namespace)
                        .endMetadata()
                        .build())
                .create();
        FakeTrainers first = new FakeTrainers(client, namespace, "first");
        FakeTrainers second = new FakeTrainers(client, namespace, "second");
        SwavOperator leader = start();
        try {
            await().atMost(LIMIT).until(() -> holder().isPresent());
            String led = holder().orElseThrow();
            try (SwavOperator follower = start()) {
                apply("first");
                await().atMost(LIMIT)
                        .untilAsserted(() -> assertThat(first.pods()).containsExactly("first-0"));
                assertThat(health(follower, "/healthz"))
                        .as("a follower's caches are warm")
                        .isEqualTo("ok\n");
                assertThat(health(follower, "/livez")).isEqualTo("ok\n");
                await().atMost(LIMIT)
                        .untilAsserted(
                                () -> assertThat(body(leader, "/metrics")).contains("swav_job_condition{"));
                assertThat(body(follower, "/metrics"))
                        .as("a follower exports no metrics of jobs")
                        .doesNotContain("swav_job_condition{");
                assertThat(body(leader, "/")).contains("this operator leads");
                await().atMost(LIMIT)
                        .untilAsserted(() -> assertThat(body(follower, "/"))
                                .as("but its page shows them, as the API server has them")
                                .contains("this operator follows", "first"));

                leader.close();
                apply("second");
                await().atMost(LIMIT)
                        .untilAsserted(() -> assertThat(second.pods()).containsExactly("second-0"));
                assertThat(holder()).get().isNotEqualTo(led);
                assertThat(first.pods()).containsExactly("first-0");
            }
        } finally {
            first.close();
            second.close();
            leader.close();
            client.resources(SwavJob.class).inNamespace(namespace).delete();
            client.namespaces().withName(namespace).delete();
        }
    }

    private SwavOperator start() throws IOException {
        return SwavOperator.start(OperatorConfig.of(
                Optional.of(cluster.kubeconfig()), namespace, 0, Optional.of(namespace + "/swav-operator")));
    }

    private Optional<String> holder() {
        return Optional.ofNullable(client.leases()
                        .inNamespace(namespace)
                        .withName("swav-operator")
                        .get())
                .map(Lease::getSpec)
                .map(spec -> requireNonNull(spec).getHolderIdentity());
    }

    private void apply(String name) {
        client.resource(Serialization.unmarshal("""
                        apiVersion: swav.io/v1alpha1
                        kind: SwavJob
                        metadata: {name: %s, namespace: %s}
                        spec:
                          data: {uri: file:///data}
                          template: {spec: {containers: [{name: trainer, image: swav-trainer}]}}
                        """.formatted(name, namespace), SwavJob.class))
                .create();
    }

    private static String health(SwavOperator operator, String path) throws IOException, InterruptedException {
        return Http.get(URI.create("http://127.0.0.1:" + operator.healthPort() + path))
                .body();
    }

    private static String body(SwavOperator operator, String path) throws IOException, InterruptedException {
        return Http.get(URI.create("http://127.0.0.1:" + operator.port() + path))
                .body();
    }
}
