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
import io.swav.local.BackgroundProcess;
import io.swav.local.ControlPlaneInstaller;
import io.swav.local.KubeBinaries;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
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
    private static final KubeBinaries BINARIES = new ControlPlaneInstaller(System.getenv(), System.err::println).find();

    @TempDir
    Path dir;

    @Test
    void keepsObjectsThroughACrashAndDeletesThemWhenStopped() {
        try (LocalControlPlane cluster = LocalControlPlane.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            client.resource(note()).create();

            for (String name : List.of("etcd", "kube-apiserver")) {
                ProcessHandle.of(BackgroundProcess.find(dir, name).orElseThrow().pid())
                        .orElseThrow()
                        .destroyForcibly();
                org.awaitility.Awaitility.await()
                        .until(() -> BackgroundProcess.find(dir, name).isEmpty());
            }
            LocalControlPlane again = LocalControlPlane.start(dir, BINARIES, List.of());
            assertThat(again.kubeconfig()).isEqualTo(cluster.kubeconfig());
            assertThat(client.resource(note()).get()).isNotNull();

            long pid = BackgroundProcess.find(dir, "etcd").orElseThrow().pid();
            LocalControlPlane.start(dir, BINARIES, List.of());
            assertThat(BackgroundProcess.find(dir, "etcd").orElseThrow().pid())
                    .as("a running cluster is joined")
                    .isEqualTo(pid);
        }
        assertThat(BackgroundProcess.find(dir, "etcd")).isEmpty();
        assertThat(dir.resolve("etcd")).doesNotExist();
    }

    @Test
    void theApiServerRestartsWithAllObjectsOnTheSameAddress() {
        try (LocalControlPlane cluster = LocalControlPlane.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            client.resource(note()).create();
            long etcd = BackgroundProcess.find(dir, "etcd").orElseThrow().pid();

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
            assertThat(BackgroundProcess.find(dir, "etcd"))
                    .map(BackgroundProcess::pid)
                    .contains(etcd);
        }
    }

    @Test
    void namesTheProgramThatDidNotStartAndShowsItsLog() throws Exception {
        Path broken = Files.writeString(dir.resolve("etcd-broken"), "#!/bin/sh\necho no disk left\nexit 3\n");
        assertThat(broken.toFile().setExecutable(true)).isTrue();
        KubeBinaries binaries = new KubeBinaries(broken, BINARIES.apiServer(), Optional.empty());
        try {
            assertThatThrownBy(() -> LocalControlPlane.start(dir.resolve("c"), binaries, List.of()))
                    .isInstanceOf(LocalClusterException.class)
                    .hasMessageContaining("etcd ended")
                    .hasMessageContaining("no disk left")
                    .hasMessageContaining("etcd.log");
        } finally {
            LocalControlPlane.stop(dir.resolve("c"));
        }
        assertThat(BackgroundProcess.find(dir.resolve("c"), "kube-apiserver")).isEmpty();
    }

    @Test
    void doesNotMistakeAnotherProcessForItsOwn() throws Exception {
        Path pids = Files.createDirectory(dir.resolve("pids"));
        Files.writeString(pids.resolve("etcd.pid"), ProcessHandle.current().pid() + " 1000");
        assertThat(BackgroundProcess.find(pids, "etcd")).isEmpty();

        BackgroundProcess daemon = BackgroundProcess.start(pids, "sleeper", List.of("sleep", "60"), Map.of());
        assertThat(BackgroundProcess.find(pids, "sleeper"))
                .map(BackgroundProcess::pid)
                .contains(daemon.pid());
        daemon.stop(Duration.ofSeconds(5));
        assertThat(daemon.alive()).isFalse();
        assertThat(BackgroundProcess.find(pids, "sleeper")).isEmpty();
    }

    @Test
    void explainsHowToGetMoreNodesThanAreRunning() {
        try (LocalControlPlane cluster = LocalControlPlane.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            BackgroundProcess nodes = BackgroundProcess.start(dir, "nodes", List.of("sleep", "600"), Map.of());
            client.resource(new NodeBuilder()
                            .withNewMetadata()
                            .withName(ProcessNode.name(0))
                            .endMetadata()
                            .build())
                    .create();
            assertThatThrownBy(() -> LocalDeployment.up(dir, 3, Map.of(), System.err::println))
                    .isInstanceOf(LocalClusterException.class)
                    .hasMessageContaining("runs already, with 1 node")
                    .hasMessageContaining("./swav up --nodes 3");
            assertThat(nodes.alive()).isTrue();
        } finally {
            LocalDeployment.down(dir);
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
