package io.swav.e2e;

import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;
import io.swav.charts.Chart;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Tests an operator with the chart's rights on jobs in two namespaces of the test's own. */
@ExtendWith(TestCluster.class)
abstract class ChartInTwoNamespaces {
    final String first = "first-" + UUID.randomUUID().toString().substring(0, 8);
    final String second = "second-" + UUID.randomUUID().toString().substring(0, 8);
    final KubernetesClient client;
    final LocalControlPlane cluster;

    @TempDir
    Path dir;

    ChartInTwoNamespaces(KubernetesClient client, LocalControlPlane cluster) {
        this.client = client;
        this.cluster = cluster;
    }

    /** Makes the namespaces and returns the chart's objects, which are not applied. */
    List<JsonNode> objects(String values) throws IOException {
        Installed.namespaces(client, "swav-system", first, second);
        return Chart.objects(Chart.template(
                "swav-operator",
                "swav-system",
                values,
                client.getKubernetesVersion().getGitVersion().replaceFirst("^v", "")));
    }

    /** Creates a job of one trainer. */
    void apply(String namespace, String name) {
        client.resource(Serialization.unmarshal("""
                        apiVersion: swav.io/v1alpha1
                        kind: SwavJob
                        metadata: {name: %s, namespace: %s}
                        spec:
                          replicas: 1
                          data: {uri: file:///data}
                          template: {spec: {containers: [{name: trainer, image: swav-trainer}]}}
                        """.formatted(name, namespace), SwavJob.class))
                .create();
    }

    static ConditionFactory soon() {
        return await().atMost(Duration.ofMinutes(2)).ignoreExceptions();
    }

    @AfterEach
    void deleteNamespaces() {
        for (String namespace : List.of(first, second)) {
            client.resources(SwavJob.class).inNamespace(namespace).delete();
            client.namespaces().withName(namespace).delete();
        }
    }
}
