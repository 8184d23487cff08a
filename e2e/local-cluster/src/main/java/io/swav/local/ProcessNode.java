package io.swav.local;

import io.fabric8.kubernetes.api.model.Node;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.swav.common.DaemonThreads;
import java.nio.file.Path;
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
    private final ScheduledExecutorService timer = Executors.newScheduledThreadPool(4, DaemonThreads.named("node"));
    private final SharedIndexInformer<Node> nodeCache;
    private final SharedIndexInformer<Pod> podCache;
    private final NodeHeartbeat heartbeat;
    private final PodBinder binder;

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
        this.heartbeat = new NodeHeartbeat(client, errors, options.capacity());
        this.binder = new PodBinder(context, nodeCache.getStore(), podCache.getStore());
    }

    /** The name of the node with this index. */
    public static String name(int index) {
        return "local-" + index;
    }

    /** Registers the nodes and adopts their pods. */
    public static ProcessNode start(Options options) {
        ProcessNode node = new ProcessNode(options);
        try {
            node.names.forEach(node.heartbeat::register);
            node.podCache.addEventHandler(node.new PodHandler());
            node.nodeCache.run();
            node.podCache.run();
            watched(node.nodeCache, "nodes");
            watched(node.podCache, "pods");
            node.repeat(() -> node.heartbeat.beat(node.names), HEARTBEAT_SECONDS * 1000L);
            node.repeat(node.binder::bindPending, 200);
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
                threads.add(DaemonThreads.start("pod-" + pod.getMetadata().getName(), added));
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
}
