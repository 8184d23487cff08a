package io.swav.local;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionStatus;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * A real API server (kube-apiserver over etcd, TLS, RBAC) with the controllers that matter here. It listens on free ports
 * of 127.0.0.1 and keeps all its data in one folder. Its processes outlive this object unless {@link #close} ends them.
 * {@link #start} joins a cluster that runs in the folder, and restarts one that crashed there with its data.
 */
public final class LocalControlPlane implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofMinutes(2);
    private static final List<String> STOP_ORDER = List.of("kube-controller-manager", "kube-apiserver", "etcd");

    /** Garbage collection, namespaces, service accounts, and the controllers that taint and clear vanished nodes. */
    private static final String CONTROLLERS = String.join(
            ",",
            "garbagecollector",
            "namespace",
            "serviceaccount",
            "serviceaccount-token",
            "root-ca-cert-publisher",
            "clusterrole-aggregation",
            "nodelifecycle",
            "podgc",
            "disruption");

    private record Ports(int etcd, int etcdPeer, int api) {
        static Ports free() {
            List<Integer> ports = freePorts(3);
            return new Ports(ports.get(0), ports.get(1), ports.get(2));
        }

        boolean areFree() {
            return Stream.of(etcd, etcdPeer, api).allMatch(LocalControlPlane::isFree);
        }
    }

    private final Path dir;
    private final KubeBinaries binaries;
    private final ClusterCertificates pki;
    private final Ports ports;

    private LocalControlPlane(Path dir, KubeBinaries binaries, ClusterCertificates pki, Ports ports) {
        this.dir = dir;
        this.binaries = binaries;
        this.pki = pki;
        this.ports = ports;
    }

    /**
     * Starts the cluster of {@code dir}, or joins it if it runs, and waits until it answers.
     *
     * @param definitions CustomResourceDefinitions to install before the controllers start, so that the garbage
     *     collector knows them at once rather than after its next discovery half a minute later
     * @throws LocalClusterException with the end of the log of the process that did not start
     */
    public static LocalControlPlane start(
            Path dir, KubeBinaries binaries, Collection<CustomResourceDefinition> definitions) {
        Path home = dir.toAbsolutePath().normalize();
        try {
            Files.createDirectories(home);
            Path state = home.resolve("ports.json");
            JsonMapper json = JsonMapper.builder().build();
            Optional<Ports> before =
                    Files.exists(state) ? Optional.of(json.readValue(state.toFile(), Ports.class)) : Optional.empty();
            boolean runs = STOP_ORDER.stream()
                    .filter(name -> binaries.controllerManager().isPresent() || !name.equals(STOP_ORDER.get(0)))
                    .allMatch(name -> BackgroundProcess.find(home, name).isPresent());
            if (!runs) {
                end(home);
            }
            Ports ports = before.filter(p -> runs || p.areFree()).orElseGet(Ports::free);
            json.writeValue(state.toFile(), ports);
            LocalControlPlane cluster =
                    new LocalControlPlane(home, binaries, ClusterCertificates.in(home.resolve("pki")), ports);
            cluster.writeKubeconfig();
            if (runs) {
                cluster.awaitReady();
                try (KubernetesClient client = cluster.client()) {
                    cluster.define(client, definitions); // they may be of another build, or have been deleted
                }
            } else {
                cluster.startAll(definitions);
            }
            return cluster;
        } catch (IOException e) {
            throw new LocalClusterException("cannot use " + home + " for the local cluster: " + e, e);
        }
    }

    /** Ends the cluster of {@code dir} and deletes its objects; its logs and keys stay. */
    public static void stop(Path dir) {
        end(dir.toAbsolutePath().normalize());
        deleteTree(dir.resolve("etcd"));
    }

    public Path dir() {
        return dir;
    }

    public Path kubeconfig() {
        return dir.resolve("kubeconfig");
    }

    /** A client with the administrator's rights; the caller closes it. */
    public KubernetesClient client() {
        return client(dir);
    }

    /** A client for the cluster of {@code dir}, running or not. */
    public static KubernetesClient client(Path dir) {
        return new KubernetesClientBuilder()
                .withConfig(config(dir.resolve("kubeconfig")))
                .build();
    }

    static Config config(Path kubeconfig) {
        return Config.fromKubeconfig(kubeconfig.toFile());
    }

    /** Stops the API server as after a crash: etcd keeps every object. */
    public void stopApiServer() {
        BackgroundProcess.find(dir, "kube-apiserver").ifPresent(d -> d.stop(Duration.ofSeconds(5)));
    }

    /** Starts the API server again after {@link #stopApiServer}, on the same port. */
    public void startApiServer() {
        apiServer();
        awaitReady();
    }

    @Override
    public void close() {
        stop(dir);
    }

    private static void end(Path dir) {
        for (String name : STOP_ORDER) {
            BackgroundProcess.find(dir, name).ifPresent(daemon -> daemon.stop(Duration.ofSeconds(5)));
        }
    }

    private void startAll(Collection<CustomResourceDefinition> definitions) {
        BackgroundProcess.start(
                dir,
                "etcd",
                List.of(
                        binaries.etcd().toString(),
                        "--name=swav",
                        "--data-dir=" + dir.resolve("etcd"),
                        "--listen-client-urls=" + http(ports.etcd),
                        "--advertise-client-urls=" + http(ports.etcd),
                        "--listen-peer-urls=" + http(ports.etcdPeer),
                        "--initial-advertise-peer-urls=" + http(ports.etcdPeer),
                        "--initial-cluster=swav=" + http(ports.etcdPeer),
                        "--logger=zap"),
                Map.of());
        apiServer(); // kube-apiserver waits for etcd
        awaitReady();
        try (KubernetesClient client = client()) {
            define(client, definitions);
            if (binaries.controllerManager().isPresent()) {
                controllerManager(binaries.controllerManager().get());
                // pods are rejected until their namespace has its default account and the account has its token
                await(
                        "the default service account",
                        () -> Optional.ofNullable(client.serviceAccounts()
                                        .inNamespace("default")
                                        .withName("default")
                                        .get())
                                .isPresent());
            }
        }
    }

    private void define(KubernetesClient client, Collection<CustomResourceDefinition> definitions) {
        // not by server-side apply, which before 1.25 rejects the CEL rules; create and update drop them
        definitions.forEach(d -> client.resource(d).createOr(NonDeletingOperation::update));
        definitions.forEach(d -> await(
                "the definition " + d.getMetadata().getName(),
                () -> Optional.ofNullable(client.resource(d).get().getStatus())
                        .map(CustomResourceDefinitionStatus::getConditions)
                        .orElse(List.of())
                        .stream()
                        .anyMatch(c -> c.getType().equals("Established")
                                && c.getStatus().equals("True"))));
    }

    private void apiServer() {
        List<String> command = new ArrayList<>(List.of(
                binaries.apiServer().toString(),
                "--etcd-servers=" + http(ports.etcd),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--secure-port=" + ports.api,
                "--tls-cert-file=" + pki.serverCertificate(),
                "--tls-private-key-file=" + pki.serverKey(),
                "--cert-dir=" + pki.dir(),
                "--token-auth-file=" + pki.tokens(),
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-signing-key-file=" + pki.accountKey(),
                "--service-account-key-file=" + pki.accountPublicKey(),
                "--service-cluster-ip-range=10.96.0.0/24",
                "--allow-privileged=true",
                // the "kubernetes" service is unused here; its endpoint would be a loopback address, which is invalid
                "--endpoint-reconciler-type=none"));
        if (binaries.controllerManager().isEmpty()) {
            command.add("--disable-admission-plugins=ServiceAccount"); // no controller creates the default accounts
        }
        BackgroundProcess.start(dir, "kube-apiserver", command, Map.of());
    }

    private void controllerManager(Path program) {
        List<String> command = new ArrayList<>(List.of(
                program.toString(),
                "--kubeconfig=" + kubeconfig(),
                "--controllers=" + CONTROLLERS,
                "--service-account-private-key-file=" + pki.accountKey(),
                "--root-ca-file=" + pki.authority(),
                "--leader-elect=false",
                "--secure-port=0"));
        if (minorVersion(program) < 24) {
            command.add("--port=0"); // later versions have neither the insecure port nor the flag
        }
        BackgroundProcess.start(dir, "kube-controller-manager", command, Map.of());
    }

    private void awaitReady() {
        Config once = new ConfigBuilder(config(kubeconfig()))
                .withRequestRetryBackoffLimit(0)
                .build();
        try (KubernetesClient client =
                new KubernetesClientBuilder().withConfig(once).build()) {
            await("the API server", () -> "ok".equals(client.raw("/readyz")));
        }
    }

    private void await(String what, BooleanSupplier ready) {
        Instant deadline = Instant.now().plus(START_LIMIT);
        String last = "";
        while (Instant.now().isBefore(deadline)) {
            for (String name : STOP_ORDER) {
                if (Files.exists(dir.resolve(name + ".pid"))
                        && BackgroundProcess.find(dir, name).isEmpty()) {
                    throw new LocalClusterException(name + " ended while waiting for " + what + ". Its log, "
                            + BackgroundProcess.logFile(dir, name) + ", ends:\n"
                            + BackgroundProcess.tail(BackgroundProcess.logFile(dir, name), 15));
                }
            }
            try {
                if (ready.getAsBoolean()) {
                    return;
                }
            } catch (KubernetesClientException e) {
                last = String.valueOf(e.getMessage());
            }
            ProcessUtils.pause(Duration.ofMillis(100));
        }
        throw new LocalClusterException(what + " did not answer within " + START_LIMIT.toSeconds() + " s (" + last
                + "). The API server's log, " + BackgroundProcess.logFile(dir, "kube-apiserver") + ", ends:\n"
                + BackgroundProcess.tail(BackgroundProcess.logFile(dir, "kube-apiserver"), 15));
    }

    private void writeKubeconfig() throws IOException {
        Path file = kubeconfig();
        Files.writeString(file, pki.adminKubeconfig("https://127.0.0.1:" + ports.api));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    /** The minor version, from a text like "Kubernetes v1.20.2". */
    private static int minorVersion(Path program) {
        String text = ProcessUtils.output(List.of(program.toString(), "--version"));
        String[] parts = text.split("\\.", -1);
        if (parts.length < 2) {
            throw new LocalClusterException(program + " --version printed '" + text + "', not a Kubernetes version");
        }
        return Integer.parseInt(parts[1]);
    }

    private static String http(int port) {
        return "http://127.0.0.1:" + port;
    }

    private static boolean isFree(int port) {
        try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            return socket.isBound();
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Distinct free ports. They are below the range from which the kernel assigns ephemeral ports, because the processes
     * that will listen on them start later and may be restarted.
     */
    static List<Integer> freePorts(int count) {
        List<Integer> ports = ThreadLocalRandom.current()
                .ints(1000, 20_000, 30_000)
                .distinct()
                .filter(LocalControlPlane::isFree)
                .limit(count)
                .boxed()
                .toList();
        if (ports.size() < count) {
            throw new LocalClusterException(
                    "no free port on 127.0.0.1 between 20000 and 30000: end some of the processes that listen there");
        }
        return ports;
    }

    public static void deleteTree(Path root) {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(root)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot delete " + root, e);
        }
    }
}
