package io.swav.local;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.swav.api.SpecLoader;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Everything a SwavJob needs on one machine, in one folder: API server, SwavJob's definition, the operator and the
 * nodes, each a process of its own that runs until {@link #down}.
 */
public final class LocalDeployment {
    private static final Duration START_LIMIT = Duration.ofMinutes(2);
    private static final String OPERATOR = "operator";
    private static final String NODES = "nodes";
    private static final String NODE = "node-";
    private static final Pattern PAGE = Pattern.compile("http://127\\.0\\.0\\.1:\\d+/");

    private final LocalControlPlane cluster;
    /** The names of the processes that must be running. */
    private final Set<String> running = new TreeSet<>();

    private LocalDeployment(LocalControlPlane cluster) {
        this.cluster = cluster;
    }

    /**
     * Starts the parts that are not running yet. Running nodes stay as they are.
     *
     * @param say receives a line for each part that is being started
     * @throws LocalClusterException naming the part that did not start, with the end of its log; or if fewer nodes run
     */
    public static LocalDeployment up(Path dir, int nodes, Map<String, String> capacity, Consumer<String> say) {
        LocalDeployment stack = cluster(dir, say);
        if (BackgroundProcess.find(dir, NODES).isPresent()) {
            stack.checkNodes(nodes);
        }
        say.accept("starting the operator and " + nodes + (nodes == 1 ? " node ..." : " nodes ..."));
        stack.startOperator();
        stack.startNodes(NODES, 0, nodes, capacity);
        stack.awaitNodes(nodes);
        return stack;
    }

    /** As {@link #up}, with a process of its own for each node, so that {@link #loseNode} can end one of them. */
    public static LocalDeployment upApart(Path dir, int nodes, Consumer<String> say) {
        LocalDeployment stack = cluster(dir, say);
        say.accept("starting the operator and " + nodes + " nodes, each as a process of its own ...");
        stack.startOperator();
        for (int i = 0; i < nodes; i++) {
            stack.startNode(i);
        }
        stack.awaitNodes(nodes);
        return stack;
    }

    private static LocalDeployment cluster(Path dir, Consumer<String> say) {
        KubeBinaries binaries = new ControlPlaneInstaller(System.getenv(), say).find();
        say.accept("starting etcd and kube-apiserver ...");
        LocalDeployment stack = new LocalDeployment(LocalControlPlane.start(dir, binaries, List.of(SpecLoader.crd())));
        if (binaries.controllerManager().isEmpty()) {
            say.accept("note: kube-controller-manager is missing beside kube-apiserver, so the children of deleted"
                    + " objects will not be collected");
        }
        return stack;
    }

    /**
     * Installs SwavJob's definition on an existing cluster, whose own nodes run the pods, and starts only the operator on
     * this machine.
     *
     * @param dir the folder of the operator's pid and log files
     * @throws LocalClusterException if the cluster does not answer or rejects the definition
     */
    public static void attach(Path dir, Path kubeconfig, Consumer<String> say) {
        Config config = Config.fromKubeconfig(kubeconfig.toFile());
        say.accept("connecting to " + config.getMasterUrl() + " ...");
        try (KubernetesClient client =
                new KubernetesClientBuilder().withConfig(config).build()) {
            client.resource(SpecLoader.crd()).createOr(NonDeletingOperation::update);
        } catch (KubernetesClientException e) {
            throw new LocalClusterException("the cluster of " + kubeconfig + " (" + config.getMasterUrl()
                    + ") did not accept SwavJob's definition, so the operator was not started: " + e.getMessage());
        }
        say.accept("starting the operator ...");
        try {
            PrivateFiles.clusterFolder(dir);
        } catch (IOException e) {
            throw new LocalClusterException("cannot use " + dir + " for the operator: " + e, e);
        }
        startDaemon(dir, OPERATOR, io.swav.operator.Main.class.getName(), operatorArguments(kubeconfig));
    }

    /** The page is for this user on this machine. */
    private static List<String> operatorArguments(Path kubeconfig) {
        return List.of("--kubeconfig=" + kubeconfig, "--address=127.0.0.1", "--port=0", "--health-port=0");
    }

    /** Starts node {@link ProcessNode#name}{@code (index)} as a process of its own. */
    public void startNode(int index) {
        startNodes(NODE + index, index, 1, Map.of());
    }

    /**
     * Kills a node that runs as a process of its own, and all its pods, without notice to the API server.
     *
     * @param pods the pods on the node
     */
    public void loseNode(int index, Collection<Pod> pods) {
        stop(NODE + index, Duration.ZERO);
        pods.forEach(pod -> ProcessNode.kill(PodFolder.of(dir().resolve("pods"), pod)));
    }

    private void startNodes(String name, int first, int count, Map<String, String> capacity) {
        List<String> arguments = new ArrayList<>(
                List.of("--kubeconfig=" + kubeconfig(), "--dir=" + dir(), "--first=" + first, "--nodes=" + count));
        capacity.forEach((resource, quantity) -> arguments.add("--capacity=" + resource + "=" + quantity));
        startDaemon(dir(), name, NodeCommand.class.getName(), arguments);
        running.add(name);
    }

    public void startOperator() {
        startDaemon(dir(), OPERATOR, io.swav.operator.Main.class.getName(), operatorArguments(kubeconfig()));
        running.add(OPERATOR);
    }

    /** The address of the operator's page with jobs, health and metrics; empty while the operator starts or is not running. */
    public static Optional<URI> page(Path dir) {
        return BackgroundProcess.find(dir, OPERATOR)
                .map(operator -> PAGE.matcher(BackgroundProcess.tail(operator.log(), Integer.MAX_VALUE)))
                .filter(Matcher::find)
                .map(found -> URI.create(found.group()));
    }

    /** Waits until the operator has started; returns its page. */
    public URI awaitPage() {
        await("the operator", () -> {
            check();
            return page(dir()).isPresent();
        });
        return page(dir()).orElseThrow();
    }

    public void stopOperator() {
        stop(OPERATOR, Duration.ofSeconds(5));
    }

    private void stop(String name, Duration grace) {
        running.remove(name);
        BackgroundProcess.find(dir(), name).ifPresent(daemon -> daemon.stop(grace));
    }

    /** Stops the API server; etcd keeps the objects. */
    public void stopApiServer() {
        cluster.stopApiServer();
    }

    /** Starts the API server again on the same port, and waits until it answers. */
    public void startApiServer() {
        cluster.startApiServer();
    }

    /** Ends everything that {@link #up} started in {@code dir} and every pod; true if anything ran. */
    public static boolean down(Path dir) {
        boolean ran = BackgroundProcess.find(dir, "kube-apiserver").isPresent();
        for (String name : daemons(dir)) {
            Optional<BackgroundProcess> daemon = BackgroundProcess.find(dir, name);
            ran |= daemon.isPresent();
            daemon.ifPresent(d -> d.stop(Duration.ofSeconds(5)));
        }
        ProcessNode.killAll(dir);
        LocalControlPlane.stop(dir);
        return ran;
    }

    public Path dir() {
        return cluster.dir();
    }

    public Path kubeconfig() {
        return cluster.kubeconfig();
    }

    /** A client with the administrator's rights; the caller closes it. */
    public KubernetesClient client() {
        return cluster.client();
    }

    /** Names of the operator's process and of all node processes. */
    private static List<String> daemons(Path dir) {
        List<String> names = new ArrayList<>(List.of(OPERATOR, NODES));
        PodFolder.children(dir).stream()
                .map(file -> String.valueOf(file.getFileName()))
                .filter(file -> file.startsWith(NODE) && file.endsWith(".pid"))
                .map(file -> file.substring(0, file.length() - ".pid".length()))
                .sorted()
                .forEach(names::add);
        return names;
    }

    /** Describes each process, whether it is running, and the nodes' problems, for display. */
    public static List<String> describe(Path dir) {
        List<String> lines = new ArrayList<>();
        List<String> names = new ArrayList<>(List.of("etcd", "kube-apiserver", "kube-controller-manager"));
        names.addAll(daemons(dir));
        for (String name : names) {
            String state =
                    BackgroundProcess.find(dir, name).map(d -> "pid " + d.pid()).orElse("not running");
            lines.add(String.format("%-24s %-12s %s", name, state, BackgroundProcess.logFile(dir, name)));
            if (BackgroundProcess.find(dir, name).isPresent()) {
                problems(dir, name).forEach(problem -> lines.add("  since " + problem));
            }
        }
        return lines;
    }

    /** The current problems of the nodes of this process with the API server. */
    private static List<String> problems(Path dir, String daemon) {
        boolean isNode = daemon.equals(NODES) || daemon.startsWith(NODE);
        int first = daemon.startsWith(NODE) ? Integer.parseInt(daemon.substring(NODE.length())) : 0;
        return isNode ? ApiErrors.read(dir, first) : List.of();
    }

    /** @throws LocalClusterException if the operator or a node has ended unexpectedly */
    public void check() {
        for (String name : running) {
            if (BackgroundProcess.find(dir(), name).isEmpty()) {
                throw new LocalClusterException(
                        name + " ended unexpectedly. Its log, " + BackgroundProcess.logFile(dir(), name) + ", ends:\n"
                                + BackgroundProcess.tail(BackgroundProcess.logFile(dir(), name), 20));
            }
        }
    }

    private static void startDaemon(Path dir, String name, String main, List<String> arguments) {
        if (BackgroundProcess.find(dir, name).isPresent()) {
            return;
        }
        // short-lived and light: fast start, and the cores are left to the trainers
        List<String> command =
                ImageCommands.java(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"), main);
        command.addAll(arguments);
        BackgroundProcess.start(dir, name, command, Map.of());
    }

    private void checkNodes(int nodes) {
        try (KubernetesClient client = client()) {
            int there = client.nodes().list().getItems().size();
            if (there < nodes) {
                throw new LocalClusterException(
                        "the cluster in " + dir() + " runs already, with " + there + (there == 1 ? " node" : " nodes")
                                + ", and nodes cannot be added: end it with ./swav down, then start it with ./swav up --nodes "
                                + nodes);
            }
        }
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
                throw new LocalClusterException(what + " did not start within " + START_LIMIT.toSeconds() + " s");
            }
            ProcessUtils.pause(Duration.ofMillis(200));
        }
    }

    /** {@code .swav/<name>} in the project's folder, or in the current folder if the project's is unknown. */
    public static Path defaultDir(String name) {
        String home = System.getProperty("swav.home", "");
        return Path.of(home.isEmpty() ? "" : home, ".swav", name).toAbsolutePath();
    }
}
