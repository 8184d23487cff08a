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
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * A real API server (kube-apiserver over etcd, TLS, RBAC) with the controllers that matter here. It listens on free ports
 * of 127.0.0.1 and keeps all its data in one folder. Its processes outlive this object unless {@link #close} ends them.
 * {@link #start} joins a cluster that runs in the folder, and restarts one that crashed there with its data.
 */
public final class LocalControlPlane implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofMinutes(2);
    private static final String API_SERVER = "kube-apiserver";
    private static final String CONTROLLER_MANAGER = "kube-controller-manager";
    private static final List<String> STOP_ORDER = List.of(CONTROLLER_MANAGER, API_SERVER, "etcd");

    private final Path dir;
    private final KubeBinaries binaries;
    private final ClusterCertificates pki;
    private final ControlPlanePorts ports;
    private final ControlPlaneCommands commands;
    private final List<String> apiServerArguments;

    private LocalControlPlane(
            Path dir,
            KubeBinaries binaries,
            ClusterCertificates pki,
            ControlPlanePorts ports,
            List<String> apiServerArguments) {
        this.dir = dir;
        this.binaries = binaries;
        this.pki = pki;
        this.ports = ports;
        this.commands = new ControlPlaneCommands(dir, binaries, pki, ports);
        this.apiServerArguments = List.copyOf(apiServerArguments);
    }

    /**
     * Starts the cluster of {@code dir}, or joins it if it runs, and waits until it answers.
     *
     * @param definitions CustomResourceDefinitions to install before the controllers start, so that the garbage
     *     collector knows them at once rather than after its next discovery half a minute later
     * @throws LocalClusterException with the end of the log of the process that did not start, or if an earlier version's
     *     cluster runs there
     */
    public static LocalControlPlane start(
            Path dir, KubeBinaries binaries, Collection<CustomResourceDefinition> definitions) {
        return start(dir, binaries, definitions, List.of());
    }

    /**
     * As {@link #start(Path, KubeBinaries, Collection)}.
     *
     * @param apiServerArguments further arguments of kube-apiserver, if it does not run yet
     */
    public static LocalControlPlane start(
            Path dir,
            KubeBinaries binaries,
            Collection<CustomResourceDefinition> definitions,
            List<String> apiServerArguments) {
        Path home = dir.toAbsolutePath().normalize();
        try {
            Path state = home.resolve("ports.json");
            JsonMapper json = JsonMapper.builder().build();
            Optional<ControlPlanePorts> before = Files.exists(state)
                    ? Optional.of(json.readValue(state.toFile(), ControlPlanePorts.class))
                    : Optional.empty();
            before.ifPresent(old -> EarlierVersion.refuseRunning(home, old));
            PrivateFiles.clusterFolder(home);
            if (before.isPresent()) {
                EarlierVersion.takeOver(home);
            }
            boolean runs = STOP_ORDER.stream()
                    .filter(name -> binaries.controllerManager().isPresent() || !name.equals(STOP_ORDER.get(0)))
                    .allMatch(name -> BackgroundProcess.find(home, name).isPresent());
            if (!runs) {
                end(home);
            }
            ControlPlanePorts ports = before.filter(p -> runs || p.areFree()).orElseGet(ControlPlanePorts::free);
            PrivateFiles.write(state, json.writeValueAsString(ports));
            LocalControlPlane cluster = new LocalControlPlane(
                    home, binaries, ClusterCertificates.in(home.resolve("pki")), ports, apiServerArguments);
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
        BackgroundProcess.find(dir, API_SERVER).ifPresent(d -> d.stop(Duration.ofSeconds(5)));
    }

    /** Starts the API server again after {@link #stopApiServer}, on the same port. */
    public void startApiServer() {
        start(API_SERVER, apiServer());
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

    private void startAll(Collection<CustomResourceDefinition> definitions) throws IOException {
        PrivateFiles.folder(dir.resolve("etcd"));
        start("etcd", commands.etcd());
        start(API_SERVER, apiServer()); // it waits for etcd
        awaitReady();
        try (KubernetesClient client = client()) {
            define(client, definitions);
            if (binaries.controllerManager().isPresent()) {
                start(
                        CONTROLLER_MANAGER,
                        commands.controllerManager(binaries.controllerManager().get()));
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

    private List<String> apiServer() {
        return Stream.concat(commands.apiServer().stream(), apiServerArguments.stream())
                .toList();
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

    private void start(String name, List<String> command) {
        // a larger heap for a sixth less processor time, which the trainers need
        BackgroundProcess.start(dir, name, command, Map.of("GOGC", "400"));
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
                + "). The API server's log, " + BackgroundProcess.logFile(dir, API_SERVER) + ", ends:\n"
                + BackgroundProcess.tail(BackgroundProcess.logFile(dir, API_SERVER), 15));
    }

    private void writeKubeconfig() throws IOException {
        PrivateFiles.write(kubeconfig(), pki.adminKubeconfig("https://127.0.0.1:" + ports.api()));
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
