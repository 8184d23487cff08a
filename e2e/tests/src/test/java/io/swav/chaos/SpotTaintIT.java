package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.http.BasicBuilder;
import io.fabric8.kubernetes.client.http.HttpRequest;
import io.fabric8.kubernetes.client.http.Interceptor;
import io.swav.e2e.TestCluster;
import io.swav.local.LocalControlPlane;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Tests on a real API server, where a merge patch replaces the whole list of taints and a stale one is rejected. */
@ExtendWith(TestCluster.class)
class SpotTaintIT {
    private static final String NODE = "spot";
    private static final String OTHER = "of-another";
    private static final int BEATS = 3;

    private final KubernetesClient client;
    private final LocalControlPlane cluster;
    private int beats;

    SpotTaintIT(KubernetesClient client, LocalControlPlane cluster) {
        this.client = client;
        this.cluster = cluster;
    }

    @BeforeEach
    void makeNode() {
        client.resource(new NodeBuilder()
                        .withNewMetadata()
                        .withName(NODE)
                        .endMetadata()
                        .withNewSpec()
                        .addNewTaint()
                        .withKey(OTHER)
                        .withEffect("NoSchedule")
                        .endTaint()
                        .endSpec()
                        .build())
                .create();
    }

    @AfterEach
    void deleteNode() {
        client.nodes().withName(NODE).delete();
    }

    @Test
    void putsAndTakesTheTaintAlthoughTheNodeChangesMeanwhile() {
        try (KubernetesClient interrupted = new KubernetesClientBuilder()
                .withConfig(Config.fromKubeconfig(cluster.kubeconfig().toFile()))
                .withHttpClientBuilderConsumer(http -> http.addOrReplaceInterceptor("heartbeat", new Heartbeat()))
                .build()) {
            SpotTaint.put(interrupted, NODE);
            assertThat(taints()).contains(OTHER).containsOnlyOnce(SpotTaint.KEY);
            assertThat(beats).isEqualTo(BEATS);

            beats = 0;
            SpotTaint.take(interrupted, NODE);
            assertThat(taints()).contains(OTHER).doesNotContain(SpotTaint.KEY);
            assertThat(beats).isEqualTo(BEATS);
        }
    }

    private List<String> taints() {
        return client.nodes().withName(NODE).get().getSpec().getTaints().stream()
                .map(Taint::getKey)
                .toList();
    }

    /** Changes the node and its other taints between the read and the write of the first {@link #BEATS} attempts. */
    private final class Heartbeat implements Interceptor {
        @Override
        public void before(BasicBuilder builder, HttpRequest request, RequestTags tags) {
            if (!request.method().equals("GET") && beats < BEATS) {
                beats++;
                client.nodes().withName(NODE).patch(PatchContext.of(PatchType.JSON_MERGE), """
                        {"metadata": {"annotations": {"beat": "%1$s"}},
                         "spec": {"taints": [{"key": "other-%1$s", "effect": "NoSchedule"}, {"key": "%2$s", "effect": "NoSchedule"}]}}
                        """.formatted(
                                System.nanoTime(), OTHER));
            }
        }
    }
}
