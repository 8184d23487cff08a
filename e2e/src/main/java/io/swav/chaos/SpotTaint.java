package io.swav.chaos;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Taint;
import io.fabric8.kubernetes.api.model.TaintBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.utils.ExponentialBackoffIntervalCalculator;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.local.ProcessUtils;
import java.net.HttpURLConnection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The taint by which a node of a cloud says that it will soon be taken away. */
final class SpotTaint {
    static final String KEY = "aws-node-termination-handler/spot-itn";

    private SpotTaint() {}

    static void put(KubernetesClient client, String node) {
        edit(client, node, taints -> {
            taints.add(new TaintBuilder().withKey(KEY).withEffect("NoSchedule").build());
            return taints;
        });
    }

    static void take(KubernetesClient client, String node) {
        edit(client, node, UnaryOperator.identity());
    }

    /**
     * The list of taints is replaced whole, so it is read first; who else changed the node meanwhile is no reason to stop.
     * Not by a JSON patch: one of taint 2 of a node that has one by now is refused as invalid, as a mistake would be.
     *
     * @param change gets the other taints
     */
    private static void edit(KubernetesClient client, String node, UnaryOperator<List<Taint>> change) {
        var pauses = ExponentialBackoffIntervalCalculator.from(
                client.getConfiguration().getRequestConfig());
        while (true) {
            try {
                Node now = client.nodes().withName(node).require();
                Map<String, ?> changed = Map.of(
                        "metadata", Map.of("resourceVersion", now.getMetadata().getResourceVersion()),
                        "spec", Map.of("taints", change.apply(others(now))));
                client.nodes()
                        .withName(node)
                        .patch(PatchContext.of(PatchType.JSON_MERGE), Serialization.asJson(changed));
                return;
            } catch (KubernetesClientException e) {
                if (e.getCode() != HttpURLConnection.HTTP_CONFLICT || !pauses.shouldRetry()) {
                    throw e;
                }
            }
            ProcessUtils.pause(Duration.ofMillis(pauses.nextReconnectInterval()));
        }
    }

    private static List<Taint> others(Node node) {
        List<Taint> taints = new ArrayList<>(node.getSpec().getTaints());
        taints.removeIf(taint -> taint.getKey().equals(KEY));
        return taints;
    }
}
