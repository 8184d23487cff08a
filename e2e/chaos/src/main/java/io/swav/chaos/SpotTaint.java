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

/** The taint that announces that the cloud is about to reclaim a node. */
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
     * Replaces the whole list of taints. It reads the list first, and retries if the node was changed by another client
     * meanwhile. A JSON patch would not do: the API server rejects a patch of taint 2 of a node that by now has one taint
     * as invalid, just like a mistake.
     *
     * @param change maps the other taints to the new list
     */
    private static void edit(KubernetesClient client, String node, UnaryOperator<List<Taint>> change) {
        var backoff = ExponentialBackoffIntervalCalculator.from(
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
                if (e.getCode() != HttpURLConnection.HTTP_CONFLICT || !backoff.shouldRetry()) {
                    throw e;
                }
            }
            ProcessUtils.pause(Duration.ofMillis(backoff.nextReconnectInterval()));
        }
    }

    private static List<Taint> others(Node node) {
        List<Taint> taints = new ArrayList<>(node.getSpec().getTaints());
        taints.removeIf(taint -> taint.getKey().equals(KEY));
        return taints;
    }
}
