package io.swav.local;

import io.fabric8.kubernetes.api.model.Quantity;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code swav node} runs the kubelet stand-in as a process of its own; {@code swav up} starts it. */
@Command(
        name = "node",
        description = "Simulates nodes of a cluster: runs their pods as processes of this machine.",
        mixinStandardHelpOptions = true)
public final class NodeCommand implements Callable<Integer> {
    @Option(
            names = "--kubeconfig",
            required = true,
            paramLabel = "FILE",
            description = "Kubeconfig of the cluster to join.")
    private Path kubeconfig = Path.of("");

    @Option(
            names = "--dir",
            required = true,
            paramLabel = "DIR",
            description = "Folder for pods/, which contains the pods' logs.")
    private Path dir = Path.of("");

    @Option(names = "--nodes", description = "Number of nodes to simulate (default: ${DEFAULT-VALUE}).")
    private int nodes = 1;

    @Option(
            names = "--first",
            description = "Index of the first node, if several processes simulate nodes (default: ${DEFAULT-VALUE}).")
    private int first;

    @Option(
            names = "--capacity",
            paramLabel = "NAME=QUANTITY",
            description = "A resource of each node, e.g. nvidia.com/gpu=1; repeatable.")
    private Map<String, String> capacity = new LinkedHashMap<>();

    /** Entry point of a process that only simulates nodes. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new NodeCommand()).execute(arguments));
    }

    /** Runs until a signal ends it; its pods' processes continue, for the next node to adopt. */
    @Override
    public Integer call() throws InterruptedException {
        Map<String, Quantity> quantities = new LinkedHashMap<>();
        capacity.forEach((name, quantity) -> quantities.put(name, new Quantity(quantity)));
        ProcessNode node = ProcessNode.start(new ProcessNode.Options(kubeconfig, dir, first, nodes, quantities));
        try {
            new CountDownLatch(1).await();
        } finally {
            node.detach();
        }
        return 0;
    }
}
