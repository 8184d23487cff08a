package io.swav.local;

import io.fabric8.kubernetes.api.model.BindingBuilder;
import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.api.model.NodeConditionBuilder;
import io.fabric8.kubernetes.api.model.NodeStatus;
import io.fabric8.kubernetes.api.model.NodeStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A stand-in for kubelets and scheduler that runs pods' containers as processes of this machine, without isolation:
 * every pod has the address 127.0.0.1, mount paths in commands, arguments and environment are rewritten to folders of this
 * machine, and resource requests only guide the scheduling. It registers one or more nodes, sends their heartbeats, and
 * executes {@link PodLifecycle}'s actions for each pod. Taint-based eviction is left to kube-controller-manager.
 */
public final class ProcessNode implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ProcessNode.class);
    private static final int HEARTBEAT_SECONDS = 10;

    /**
     * @param dir contains {@code pods/}, whose running pods a later node adopts
     * @param first index of the first node, so that several processes can simulate nodes of one cluster
     * @param nodes number of nodes to simulate
     * @param capacity resources of each node in addition to the machine's cpu and memory, e.g. {@code nvidia.com/gpu}
     */
    public record Options(Path kubeconfig, Path dir, int first, int nodes, Map<String, Quantity> capacity) {}

    private final KubernetesClient client;
    private final Options options;
    private final ApiErrors errors;
    private final NodeContext context;
    private final Set<String> names = new HashSet<>();
    private final Map<String, PodRunner> workers = new HashMap<>();
    private final List<Thread> threads = new ArrayList<>();
    private final ScheduledExecutorService timer = Executors.newScheduledThreadPool(4, task -> daemon(task, "node"));
    private final SharedIndexInformer<Node> nodeCache;
    private final SharedIndexInformer<Pod> podCache;

    private ProcessNode(Options options) {
        this.options = options;
        // all callers retry by themselves, and soon
        Config config = new ConfigBuilder(LocalControlPlane.config(options.kubeconfig()))
                .withRequestRetryBackoffLimit(0)
                .build();
        this.client = new KubernetesClientBuilder().withConfig(config).build();
        for (int i = 0; i < options.nodes(); i++) {
            names.add(name(options.first() + i));
        }
        this.errors = new ApiErrors(ApiErrors.file(options.dir().toAbsolutePath(), options.first()));
        this.context = new NodeContext(
                client,
                ImageCommands.onClassPath(),
                timer,
                new StartupLimiter(),
                options.dir().toAbsolutePath().resolve("pods"),
                errors,
                new PodEvents(client, errors));
        this.nodeCache = client.nodes().runnableInformer(0);
        this.podCache = client.pods().inAnyNamespace().runnableInformer(0);
    }

    /** The name of the node with this index. */
    public static String name(int index) {
        return "local-" + index;
    }

    /** Registers the nodes and adopts their pods. */
    public static ProcessNode start(Options options) {
        ProcessNode node = new ProcessNode(options);
        try {
            node.names.forEach(node::register);
            node.podCache.addEventHandler(node.new PodHandler());
            node.nodeCache.run();
            node.podCache.run();
            watched(node.nodeCache, "nodes");
            watched(node.podCache, "pods");
            node.repeat(node::heartbeat, HEARTBEAT_SECONDS * 1000L);
            node.repeat(node::schedule, 200);
        } catch (RuntimeException e) {
            node.detach();
            throw e;
        }
        return node;
    }

    /** Ends this object and every process it runs. */
    @Override
    public void close() {
        detach();
        killAll(options.dir());
    }

    /** Ends only this object: the pods' processes continue, and a node with the same folder adopts them. */
    public void detach() {
        timer.shutdownNow();
        podCache.close();
        nodeCache.close();
        List<Thread> running;
        synchronized (this) {
            workers.values().forEach(PodRunner::leave);
            running = List.copyOf(threads);
        }
        for (Thread thread : running) {
            try {
                thread.join(5_000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        errors.close();
        client.close();
    }

    /** Logs if an informer stops. It stops only after an error that a retry cannot resolve; all other errors it logs itself. */
    @SuppressWarnings("FutureReturnValueIgnored") // the failure is logged here
    private static void watched(SharedIndexInformer<?> cache, String what) {
        cache.stopped().whenComplete((done, error) -> {
            if (error != null) {
                LOG.error(
                        "this node no longer sees the cluster's {}: restart it (./swav down, ./swav up)", what, error);
            }
        });
    }

    /** Kills every container process that a node with folder {@code dir} has left running. */
    public static void killAll(Path dir) {
        PodFolder.children(dir.toAbsolutePath().resolve("pods")).forEach(pod -> kill(new PodFolder(pod)));
    }

    /** Kills every container process of one pod, without notice to the API server. */
    static void kill(PodFolder pod) {
        pod.processes()
                .forEach(run -> ContainerProcess.adopt(run).ifPresent(process -> {
                    process.kill();
                    process.onExit().join();
                }));
    }

    private final class PodHandler implements ResourceEventHandler<Pod> {
        @Override
        public void onAdd(Pod pod) {
            onUpdate(pod, pod);
        }

        @Override
        public void onUpdate(Pod before, Pod pod) {
            if (!names.contains(String.valueOf(pod.getSpec().getNodeName()))) {
                return;
            }
            synchronized (ProcessNode.this) {
                String uid = pod.getMetadata().getUid();
                PodRunner worker = workers.get(uid);
                if (worker != null) {
                    worker.changed(pod);
                    return;
                }
                PodRunner added = new PodRunner(context, pod);
                workers.put(uid, added);
                Thread thread = daemon(added, "pod-" + pod.getMetadata().getName());
                threads.add(thread);
                thread.start();
            }
        }

        @Override
        public void onDelete(Pod pod, boolean unknownState) {
            synchronized (ProcessNode.this) {
                PodRunner worker = workers.remove(pod.getMetadata().getUid());
                if (worker != null) {
                    worker.gone();
                }
                errors.forget(ApiErrors.name(pod));
            }
        }
    }

    private static Thread daemon(Runnable task, String name) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    @SuppressWarnings("FutureReturnValueIgnored") // every failure is logged in the task
    private void repeat(Runnable task, long everyMillis) {
        timer.scheduleWithFixedDelay(
                () -> {
                    try {
                        task.run();
                    } catch (RuntimeException e) { // an exception would end the repetition
                        LOG.error("a periodic task of the node failed; it runs again at its next interval", e);
                    }
                },
                0,
                everyMillis,
                TimeUnit.MILLISECONDS);
    }

    private void schedule() {
        List<Pod> placed = new ArrayList<>(podCache.getStore().list().stream()
                .filter(p -> p.getSpec().getNodeName() != null)
                .toList());
        for (Pod pod : podCache.getStore().list()) {
            if (pod.getSpec().getNodeName() == null
                    && pod.getMetadata().getDeletionTimestamp() == null
                    && List.of("default-scheduler", "")
                            .contains(String.valueOf(pod.getSpec().getSchedulerName()))) {
                place(pod, placed);
            }
        }
    }

    private void place(Pod pod, List<Pod> placed) {
        PodScheduler.Placement placement =
                PodScheduler.place(pod, nodeCache.getStore().list(), placed);
        if (placement instanceof PodScheduler.Bind bind) {
            if (attempt(ApiErrors.Call.BIND, pod, () -> bind(pod, bind.node()))) {
                placed.add(pod.edit()
                        .editSpec()
                        .withNodeName(bind.node())
                        .endSpec()
                        .build());
            }
        } else if (placement instanceof PodScheduler.Unschedulable unschedulable) {
            explain(pod, unschedulable.why());
        }
    }

    /**
     * @return false if the API server rejected the request; true also if the pod was already bound, because the cache lags,
     *     or no longer exists
     */
    private boolean attempt(ApiErrors.Call call, Pod pod, Runnable request) {
        try {
            request.run();
        } catch (KubernetesClientException e) {
            if (e.getCode() != 409 && e.getCode() != 404) {
                errors.failed(call, ApiErrors.name(pod), e);
                if (call == ApiErrors.Call.BIND && ApiErrors.answered(e)) {
                    String message = "the local node cannot bind the pod: " + ApiErrors.serverMessage(e);
                    context.events().warn(pod, PodEvents.SCHEDULER, "FailedScheduling", message);
                }
                return false;
            }
        }
        errors.succeeded(call, ApiErrors.name(pod));
        return true;
    }

    private void bind(Pod pod, String node) {
        client.bindings()
                .inNamespace(pod.getMetadata().getNamespace())
                .resource(new BindingBuilder()
                        .withNewMetadata()
                        .withName(pod.getMetadata().getName())
                        .withUid(pod.getMetadata().getUid())
                        .endMetadata()
                        .withNewTarget()
                        .withApiVersion("v1")
                        .withKind("Node")
                        .withName(node)
                        .endTarget()
                        .build())
                .create();
        LOG.info("pod {} is bound to {}", pod.getMetadata().getName(), node);
    }

    private void explain(Pod pod, String why) {
        boolean alreadyWritten = pod.getStatus() != null
                && pod.getStatus().getConditions().stream()
                        .anyMatch(c -> c.getType().equals("PodScheduled") && why.equals(c.getMessage()));
        if (alreadyWritten) {
            return;
        }
        Pod status = pod.edit()
                .withStatus(new PodStatusBuilder(pod.getStatus())
                        .withConditions(new PodConditionBuilder()
                                .withType("PodScheduled")
                                .withStatus("False")
                                .withReason("Unschedulable")
                                .withMessage(why)
                                .withLastTransitionTime(PodStatuses.text(Instant.now()))
                                .build())
                        .build())
                .build();
        context.events().warn(pod, PodEvents.SCHEDULER, "FailedScheduling", why);
        attempt(
                ApiErrors.Call.EXPLAIN,
                pod,
                () -> client.pods().resource(status).patchStatus());
    }

    private void register(String name) {
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

    private void heartbeat() {
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
        Map<String, Quantity> resources = new HashMap<>(options.capacity());
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
