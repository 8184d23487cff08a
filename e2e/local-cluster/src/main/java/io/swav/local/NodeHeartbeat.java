package io.swav.local;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeConditionBuilder;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import java.lang.management.ManagementFactory;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;

/** Registers nodes, and reports that they are ready and how much they have of each resource. */
final class NodeHeartbeat {
    private final KubernetesClient client;
    private final ApiErrors errors;
    private final Map<String, Quantity> capacity;

    /** @param capacity resources of each node in addition to the machine's cpu and memory */
    NodeHeartbeat(KubernetesClient client, ApiErrors errors, Map<String, Quantity> capacity) {
        this.client = client;
        this.errors = errors;
        this.capacity = capacity;
    }

    /** Creates the node unless it exists, and sends its first heartbeat. */
    void register(String name) {
        if (client.nodes().withName(name).get() == null) {
            client.nodes()
                    .resource(new NodeBuilder()
                            .withNewMetadata()
                            .withName(name)
                            .addToLabels("kubernetes.io/hostname", name)
                            .addToLabels("kubernetes.io/os", "linux")
                            .addToLabels("kubernetes.io/arch", "amd64")
                            .endMetadata()
                            .withNewSpec()
                            .endSpec()
                            .build())
                    .create();
        }
        beat(name);
    }

    /** Sends a heartbeat of each node; a deleted node is created again. Failures are recorded and do not throw. */
    void beat(Collection<String> names) {
        for (String name : names) {
            try {
                beatOrRegister(name);
                errors.succeeded(ApiErrors.Call.HEARTBEAT, "node " + name);
            } catch (KubernetesClientException e) {
                errors.failed(ApiErrors.Call.HEARTBEAT, "node " + name, e);
            }
        }
    }

    private void beatOrRegister(String name) {
        try {
            beat(name);
        } catch (KubernetesClientException e) {
            if (e.getCode() != 404) {
                throw e;
            }
            register(name); // the node object was deleted
        }
    }

    private void beat(String name) {
        Node status = new NodeBuilder()
                .withNewMetadata()
                .withName(name)
                .endMetadata()
                .withStatus(status())
                .build();
        client.nodes().withName(name).subresource("status").patch(PatchContext.of(PatchType.STRATEGIC_MERGE), status);
    }

    private NodeStatus status() {
        Map<String, Quantity> resources = new HashMap<>(capacity);
        Runtime machine = Runtime.getRuntime();
        resources.putIfAbsent("cpu", new Quantity(Integer.toString(machine.availableProcessors())));
        resources.putIfAbsent("memory", new Quantity(Long.toString(memoryBytes())));
        resources.putIfAbsent("pods", new Quantity("110"));
        String now = PodStatuses.text(Instant.now());
        return new NodeStatusBuilder()
                .withCapacity(resources)
                .withAllocatable(resources)
                .addNewAddress(PodStatuses.HOST, "InternalIP")
                .addToConditions(new NodeConditionBuilder()
                        .withType("Ready")
                        .withStatus("True")
                        .withReason("KubeletReady")
                        .withMessage("processes of this machine")
                        .withLastHeartbeatTime(now)
                        .build())
                .withNewNodeInfo()
                .withKubeletVersion("process-node")
                .withOperatingSystem("linux")
                .withArchitecture("amd64")
                .withMachineID("")
                .withSystemUUID("")
                .withBootID("")
                .withKernelVersion(System.getProperty("os.version"))
                .withOsImage(System.getProperty("os.name"))
                .withContainerRuntimeVersion("process://1")
                .withKubeProxyVersion("")
                .endNodeInfo()
                .build();
    }

    private static long memoryBytes() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean machine
                ? machine.getTotalMemorySize()
                : 0;
    }
}
