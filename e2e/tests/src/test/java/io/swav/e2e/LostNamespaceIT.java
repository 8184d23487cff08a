package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.local.LocalControlPlane;
import java.util.List;
import org.junit.jupiter.api.Test;

/** An operator of two namespaces, with the chart's rights, keeps working in one when it loses the other. */
class LostNamespaceIT extends ChartInTwoNamespaces {
    private final String kept = first;
    private final String lost = second;

    LostNamespaceIT(KubernetesClient client, LocalControlPlane cluster) {
        super(client, cluster);
    }

    @Test
    void oneNamespaceThatIsGoneDoesNotStopTheOthers() throws Exception {
        List<JsonNode> objects =
                objects("{replicaCount: 1, leaderElection: false, namespaces: [" + kept + ", " + lost + "]}");
        try (Installed rights = Installed.apply(client, objects)) {
            assertThat(rights).isNotNull();
            unbind();
            try (FakeTrainers there = new FakeTrainers(client, lost, "there");
                    InstalledOperator operator = InstalledOperator.start(cluster, client, objects, dir)) {
                applyAndAwaitPod(kept, "first");
                assertThat(operator.health())
                        .startsWith("ok\nnamespace " + lost + " is not watched: ")
                        .contains("cannot list");
                assertThat(watched(operator, lost)).isEqualTo("0.0");
                assertThat(watched(operator, kept)).isEqualTo("1.0");
                apply(lost, "there");

                bind(objects);
                soon().untilAsserted(() -> assertThat(there.pods()).containsExactly("there-0"));
                assertThat(operator.health()).isEqualTo("ok\n");
                assertThat(watched(operator, lost)).isEqualTo("1.0");

                unbind();
                cutWatches();
                soon().untilAsserted(() -> assertThat(watched(operator, lost)).isEqualTo("0.0"));
                soon().untilAsserted(() -> assertThat(operator.get("/metrics").body())
                        .as("nothing is known about its jobs")
                        .doesNotContain("job=\"there\""));
                applyAndAwaitPod(kept, "second");
                assertThat(operator.passes("livenessProbe")).isTrue();
                soon().untilAsserted(() -> assertThat(operator.passes("readinessProbe"))
                        .as("the operator notices some seconds later that the API server responds again")
                        .isTrue());

                client.pods()
                        .inNamespace(lost)
                        .withName("there-0")
                        .withGracePeriod(0)
                        .delete();
                bind(objects);
                soon().untilAsserted(() -> assertThat(there.pods())
                        .as("the pod that went meanwhile is replaced")
                        .containsExactly("there-1"));
                assertThat(operator.log())
                        .contains("namespace " + lost + " is not watched", "namespace " + lost + " is watched again")
                        .doesNotContain("could not start", "exiting");
            }
        }
    }

    /** Without leader election the operator outlives this. A watch that is open outlives the right to it, until the API server ends it after half an hour or more. */
    private void cutWatches() throws Exception {
        cluster.stopApiServer();
        cluster.startApiServer();
    }

    private void unbind() {
        client.rbac().roleBindings().inNamespace(lost).withName("swav-operator").delete();
    }

    private void bind(List<JsonNode> objects) {
        objects.stream()
                .filter(object -> object.path("kind").asText().equals("RoleBinding")
                        && object.at("/metadata/namespace").asText().equals(lost))
                .forEach(object -> Installed.apply(client, object, false));
    }

    private static String watched(InstalledOperator operator, String namespace) throws Exception {
        String row = "swav_operator_namespace_watched{namespace=\"" + namespace + "\"} ";
        return operator.get("/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(row))
                .map(line -> line.substring(row.length()))
                .findFirst()
                .orElse("");
    }

    private void applyAndAwaitPod(String namespace, String name) {
        apply(namespace, name);
        soon().untilAsserted(() -> assertThat(client.pods()
                        .inNamespace(namespace)
                        .withName(name + "-0")
                        .get())
                .isNotNull());
    }
}
