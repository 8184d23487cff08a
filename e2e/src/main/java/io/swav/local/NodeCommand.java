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

/** {@code swav node}: the kubelet stand-in as a process of its own; {@code swav up} starts it. */
@Command(
        name = "node",
        description = "Plays nodes of a cluster, running their pods as processes of this machine.",
        mixinStandardHelpOptions = true)
public final class NodeCommand implements Callable<Integer> {
    @Option(names = "--kubeconfig", required = true, paramLabel = "FILE", description = "The cluster to join.")
    private Path kubeconfig = Path.of("");

    @Option(names = "--dir", required = true, paramLabel = "DIR", description = "Holds pods/ with their logs.")
    private Path dir = Path.of("");

    @Option(names = "--nodes", description = "How many nodes to play (default: ${DEFAULT-VALUE}).")
    private int nodes = 1;

    @Option(
            names = "--first",
            description = "Number of the first, where several processes play nodes (default: ${DEFAULT-VALUE}).")
    private int first;

    @Option(
            names = "--capacity",
            paramLabel = "NAME=QUANTITY",
            description = "A resource of each node, e.g. nvidia.com/gpu=1; repeatable.")
    private Map<String, String> capacity = new LinkedHashMap<>();

    /** A process that plays nodes and nothing else. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new NodeCommand()).execute(arguments));
    }

    /** Ends by signal alone; its pods' processes go on for the next node to adopt. */
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
