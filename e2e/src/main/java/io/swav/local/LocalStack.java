package io.swav.local;

import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.swav.api.SwavJobSpecs;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Everything a SwavJob needs on one machine, in one folder: API server, SwavJob's definition, the operator and the
 * nodes, each a process of its own that goes on until {@link #down}.
 */
public final class LocalStack {
    private static final Duration START_LIMIT = Duration.ofMinutes(2);
    private static final String OPERATOR = "operator";
    private static final String NODES = "nodes";

    private final LocalCluster cluster;

    private LocalStack(LocalCluster cluster) {
        this.cluster = cluster;
    }

    /**
     * Brings up what does not run yet.
     *
     * @param say gets a line for each thing that is being started
     * @throws LocalClusterException naming what did not start, with the end of its log
     */
    public static LocalStack up(Path dir, int nodes, Map<String, String> capacity, Consumer<String> say) {
        KubeBinaries binaries = new KubeSetup(System.getenv(), say).find();
        say.accept("starting etcd and kube-apiserver ...");
        LocalStack stack = new LocalStack(LocalCluster.start(dir, binaries, List.of(SwavJobSpecs.crd())));
        if (binaries.controllerManager().isEmpty()) {
            say.accept("note: there is no kube-controller-manager beside kube-apiserver, so the children of deleted"
                    + " objects will not be collected");
        }
        say.accept("starting the operator and " + nodes + (nodes == 1 ? " node ..." : " nodes ..."));
        startDaemon(dir, OPERATOR, "io.swav.operator.Main", List.of("--kubeconfig=" + stack.kubeconfig(), "--port=0"));
        List<String> arguments =
                new ArrayList<>(List.of("--kubeconfig=" + stack.kubeconfig(), "--dir=" + dir, "--nodes=" + nodes));
        capacity.forEach((name, quantity) -> arguments.add("--capacity=" + name + "=" + quantity));
        arguments.add(0, "node");
        startDaemon(dir, NODES, Main.class.getName(), arguments);
        stack.awaitNodes(nodes);
        return stack;
    }

    /**
     * Starts the operator alone, on this machine, for a cluster that is there already, and makes SwavJob known to it;
     * its own nodes run the pods.
     *
     * @param dir keeps the operator's pid and log
     * @throws LocalClusterException when the cluster does not answer or refuses
     */
    static void attach(Path dir, Path kubeconfig, Consumer<String> say) {
        Config config = Config.fromKubeconfig(kubeconfig.toFile());
        say.accept("asking " + config.getMasterUrl() + " ...");
        try (KubernetesClient client =
                new KubernetesClientBuilder().withConfig(config).build()) {
            client.resource(SwavJobSpecs.crd()).createOr(NonDeletingOperation::update);
        } catch (KubernetesClientException e) {
            throw new LocalClusterException("the cluster of " + kubeconfig + " (" + config.getMasterUrl()
                    + ") does not take SwavJob's definition: " + e.getMessage());
        }
        say.accept("starting the operator ...");
        startDaemon(dir, OPERATOR, "io.swav.operator.Main", List.of("--kubeconfig=" + kubeconfig, "--port=0"));
    }

    /** Ends everything that {@link #up} started in {@code dir} and every pod; true if anything ran. */
    public static boolean down(Path dir) {
        boolean ran = Daemon.find(dir, "kube-apiserver").isPresent();
        for (String name : List.of(OPERATOR, NODES)) {
            Optional<Daemon> daemon = Daemon.find(dir, name);
            ran |= daemon.isPresent();
            daemon.ifPresent(d -> d.stop(Duration.ofSeconds(5)));
        }
        ProcessNode.killAll(dir);
        LocalCluster.stop(dir);
        return ran;
    }

    public Path dir() {
        return cluster.dir();
    }

    public Path kubeconfig() {
        return cluster.kubeconfig();
    }

    /** The caller closes it. */
    public KubernetesClient client() {
        return cluster.client();
    }

    /** Each process of a stack and whether it runs, for people. */
    static List<String> describe(Path dir) {
        List<String> lines = new ArrayList<>();
        for (String name : List.of("etcd", "kube-apiserver", "kube-controller-manager", OPERATOR, NODES)) {
            String state = Daemon.find(dir, name).map(d -> "pid " + d.pid()).orElse("not running");
            lines.add(String.format("%-24s %-12s %s", name, state, Daemon.logFile(dir, name)));
        }
        return lines;
    }

    /** Fails when the operator or the nodes have ended. */
    public void check() {
        for (String name : List.of(OPERATOR, NODES)) {
            if (Daemon.find(dir(), name).isEmpty()) {
                throw new LocalClusterException(name + " ended. Its log, " + Daemon.logFile(dir(), name) + ", ends:\n"
                        + Daemon.tail(Daemon.logFile(dir(), name), 20));
            }
        }
    }

    private static void startDaemon(Path dir, String name, String main, List<String> arguments) {
        if (Daemon.find(dir, name).isPresent()) {
            return;
        }
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", // short-lived and light: start fast, leave the cores to the trainers
                "-Xmx256m",
                "-cp",
                Images.classPath(),
                main));
        command.addAll(arguments);
        Daemon.start(dir, name, command, Map.of());
    }

    private void awaitNodes(int nodes) {
        try (KubernetesClient client = client()) {
            await("the nodes", () -> {
                check();
                return client.nodes().list().getItems().size() >= nodes;
            });
        }
    }

    private static void await(String what, BooleanSupplier ready) {
        Instant deadline = Instant.now().plus(START_LIMIT);
        while (!ready.getAsBoolean()) {
            if (Instant.now().isAfter(deadline)) {
                throw new LocalClusterException(what + " did not come up within " + START_LIMIT.toSeconds() + " s");
            }
            Commands.pause(Duration.ofMillis(200));
        }
    }

    /** {@code .swav/<name>} under the project's folder, or under the current one outside of it. */
    static Path defaultDir(String name) {
        String home = System.getProperty("swav.home", "");
        return Path.of(home.isEmpty() ? "" : home, ".swav", name).toAbsolutePath();
    }
}
