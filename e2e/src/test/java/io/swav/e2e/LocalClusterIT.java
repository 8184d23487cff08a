package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.NodeBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.local.Daemon;
import io.swav.local.KubeBinaries;
import io.swav.local.KubeSetup;
import io.swav.local.LocalCluster;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalStack;
import io.swav.local.ProcessNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalClusterIT {
    private static final KubeBinaries BINARIES = new KubeSetup(System.getenv(), System.err::println).find();

    @TempDir
    Path dir;

    @Test
    void keepsObjectsThroughACrashAndForgetsThemWhenStopped() {
        try (LocalCluster cluster = LocalCluster.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            client.resource(note()).create();

            for (String name : List.of("etcd", "kube-apiserver")) {
                ProcessHandle.of(Daemon.find(dir, name).orElseThrow().pid())
                        .orElseThrow()
                        .destroyForcibly();
                org.awaitility.Awaitility.await()
                        .until(() -> Daemon.find(dir, name).isEmpty());
            }
            LocalCluster again = LocalCluster.start(dir, BINARIES, List.of());
            assertThat(again.kubeconfig()).isEqualTo(cluster.kubeconfig());
            assertThat(client.resource(note()).get()).isNotNull();

            long pid = Daemon.find(dir, "etcd").orElseThrow().pid();
            LocalCluster.start(dir, BINARIES, List.of());
            assertThat(Daemon.find(dir, "etcd").orElseThrow().pid())
                    .as("a running cluster is joined")
                    .isEqualTo(pid);
        }
        assertThat(Daemon.find(dir, "etcd")).isEmpty();
        assertThat(dir.resolve("etcd")).doesNotExist();
    }

    @Test
    void theApiServerGoesAndComesBackWithEverythingOnTheSameAddress() {
        try (LocalCluster cluster = LocalCluster.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            client.resource(note()).create();
            long etcd = Daemon.find(dir, "etcd").orElseThrow().pid();

            cluster.stopApiServer();
            Config impatient = new ConfigBuilder(client.getConfiguration())
                    .withRequestRetryBackoffLimit(0)
                    .build();
            try (KubernetesClient asking =
                    new KubernetesClientBuilder().withConfig(impatient).build()) {
                assertThatThrownBy(() -> asking.resource(note()).get()).isInstanceOf(KubernetesClientException.class);
            }
            cluster.startApiServer();

            assertThat(client.resource(note()).get()).isNotNull();
            assertThat(Daemon.find(dir, "etcd")).map(Daemon::pid).contains(etcd);
        }
    }

    @Test
    void tellsWhichProgramDidNotStartAndShowsItsLog() throws Exception {
        Path broken = Files.writeString(dir.resolve("etcd-broken"), "#!/bin/sh\necho no disk left\nexit 3\n");
        assertThat(broken.toFile().setExecutable(true)).isTrue();
        KubeBinaries binaries = new KubeBinaries(broken, BINARIES.apiServer(), Optional.empty());
        try {
            assertThatThrownBy(() -> LocalCluster.start(dir.resolve("c"), binaries, List.of()))
                    .isInstanceOf(LocalClusterException.class)
                    .hasMessageContaining("etcd ended")
                    .hasMessageContaining("no disk left")
                    .hasMessageContaining("etcd.log");
        } finally {
            LocalCluster.stop(dir.resolve("c"));
        }
        assertThat(Daemon.find(dir.resolve("c"), "kube-apiserver")).isEmpty();
    }

    @Test
    void doesNotTakeAnotherProcessForItsOwn() throws Exception {
        Path pids = Files.createDirectory(dir.resolve("pids"));
        Files.writeString(pids.resolve("etcd.pid"), ProcessHandle.current().pid() + " 1000");
        assertThat(Daemon.find(pids, "etcd")).isEmpty();

        Daemon daemon = Daemon.start(pids, "sleeper", List.of("sleep", "60"), Map.of());
        assertThat(Daemon.find(pids, "sleeper")).map(Daemon::pid).contains(daemon.pid());
        daemon.stop(Duration.ofSeconds(5));
        assertThat(daemon.alive()).isFalse();
        assertThat(Daemon.find(pids, "sleeper")).isEmpty();
    }

    @Test
    void whoWantsMoreNodesThanRunIsToldAtOnceHowToGetThem() {
        try (LocalCluster cluster = LocalCluster.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            Daemon nodes = Daemon.start(dir, "nodes", List.of("sleep", "600"), Map.of());
            client.resource(new NodeBuilder()
                            .withNewMetadata()
                            .withName(ProcessNode.name(0))
                            .endMetadata()
                            .build())
                    .create();
            assertThatThrownBy(() -> LocalStack.up(dir, 3, Map.of(), System.err::println))
                    .isInstanceOf(LocalClusterException.class)
                    .hasMessageContaining("runs already, with 1 node")
                    .hasMessageContaining("./swav up --nodes 3");
            assertThat(nodes.alive()).isTrue();
        } finally {
            LocalStack.down(dir);
        }
    }

    private static ConfigMap note() {
        return new ConfigMapBuilder()
                .withNewMetadata()
                .withName("note")
                .withNamespace("default")
                .endMetadata()
                .build();
    }
}
