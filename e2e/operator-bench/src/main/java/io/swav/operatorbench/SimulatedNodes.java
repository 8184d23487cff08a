package io.swav.operatorbench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.swav.common.DaemonThreads;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Nodes without a kubelet: objects of the usual size whose status is written every ten seconds, as kubelets do. */
final class SimulatedNodes implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SimulatedNodes.class);
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final long HEARTBEAT_SECONDS = 10;
    /** A kubelet lists at most so many images, nodeStatusMaxImages. */
    private static final int IMAGES = 50;

    private static final List<String> HEALTHY = List.of("MemoryPressure", "DiskPressure", "PIDPressure");
    private static final String SPOT_TAINT = "cloud.google.com/impending-node-termination";

    private final KubernetesClient client;
    private final List<String> names;
    private final Set<String> tainted = ConcurrentHashMap.newKeySet();
    private final AtomicInteger next = new AtomicInteger();
    private final ScheduledExecutorService heartbeats =
            Executors.newScheduledThreadPool(2, DaemonThreads.named("node-heartbeats"));

    private SimulatedNodes(KubernetesClient client, List<String> names) {
        this.client = client;
        this.names = names;
    }

    static SimulatedNodes create(KubernetesClient client, int count) {
        List<String> names =
                IntStream.range(0, count).mapToObj(i -> "node-" + i).toList();
        SimulatedNodes nodes = new SimulatedNodes(client, names);
        for (int i = 0; i < count; i++) {
            String name = names.get(i);
            client.resource(new NodeBuilder()
                            .withNewMetadata()
                            .withName(name)
                            .addToLabels("kubernetes.io/hostname", name)
                            .addToLabels("topology.kubernetes.io/zone", "zone-" + i % 3)
                            .endMetadata()
                            .withNewSpec()
                            .withProviderID("gce://project/zone/" + name)
                            .endSpec()
                            .build())
                    .create();
            nodes.beat(name);
            long delay = HEARTBEAT_SECONDS * 1000 * i / count;
            Future<?> unused = nodes.heartbeats.scheduleWithFixedDelay(
                    () -> nodes.beat(name), delay, HEARTBEAT_SECONDS * 1000, TimeUnit.MILLISECONDS);
        }
        return nodes;
    }

    /** Returns the next node in turn that is not about to be removed. */
    String take() {
        for (int tries = 0; tries < names.size(); tries++) {
            String name = names.get(Math.floorMod(next.getAndIncrement(), names.size()));
            if (!tainted.contains(name)) {
                return name;
            }
        }
        throw new IllegalStateException("all nodes are tainted: " + tainted);
    }

    /** Announces that the cloud provider is about to remove the node. */
    void taint(String node) {
        tainted.add(node);
        patchTaints(node, "[{\"key\":\"" + SPOT_TAINT + "\",\"effect\":\"NoSchedule\"}]");
    }

    /** Withdraws the taint, as if another node of the same name had come. */
    void untaint(String node) {
        patchTaints(node, "null");
        tainted.remove(node);
    }

    private void patchTaints(String node, String taints) {
        client.nodes()
                .withName(node)
                .patch(PatchContext.of(PatchType.JSON_MERGE), "{\"spec\":{\"taints\":" + taints + "}}");
    }

    private void beat(String node) {
        String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
        List<Map<String, Object>> conditions = new ArrayList<>();
        HEALTHY.forEach(type -> conditions.add(condition(type, "False", now)));
        conditions.add(condition("Ready", "True", now));
        List<Map<String, Object>> images = IntStream.range(0, IMAGES)
                .mapToObj(i -> Map.<String, Object>of(
                        "names",
                        List.of("registry.example/team/image-" + i + "@sha256:" + "0".repeat(64), "image-" + i + ":1"),
                        "sizeBytes",
                        1_000_000L * i))
                .toList();
        try {
            client.nodes()
                    .withName(node)
                    .subresource("status")
                    .patch(
                            PatchContext.of(PatchType.JSON_MERGE),
                            JSON.writeValueAsString(Map.of(
                                    "status",
                                    Map.of(
                                            "conditions",
                                            conditions,
                                            "images",
                                            images,
                                            "capacity",
                                            Map.of(
                                                    "cpu",
                                                    "64",
                                                    "memory",
                                                    "256Gi",
                                                    "nvidia.com/gpu",
                                                    "8",
                                                    "pods",
                                                    "110")))));
        } catch (KubernetesClientException e) {
            LOG.warn("the heartbeat of {} failed: {}", node, e.getMessage()); // the next one follows
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, Object> condition(String type, String status, String now) {
        return Map.of("type", type, "status", status, "lastHeartbeatTime", now, "reason", "Kubelet", "message", "fine");
    }

    @Override
    public void close() {
        heartbeats.shutdownNow();
    }
}
