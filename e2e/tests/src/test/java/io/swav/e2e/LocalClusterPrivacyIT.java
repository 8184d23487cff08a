package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.local.BackgroundProcess;
import io.swav.local.ControlPlaneInstaller;
import io.swav.local.KubeBinaries;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.LocalDeployment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What another user of this machine, or a web page in a browser on it, gets from a local cluster: nothing. */
class LocalClusterPrivacyIT {
    private static final KubeBinaries BINARIES = new ControlPlaneInstaller(System.getenv(), System.err::println).find();
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path temporary;

    @Test
    void onlyTheClustersKeysOpenItsPorts() throws Exception {
        Path dir = temporary.resolve("cluster");
        try (LocalControlPlane cluster = LocalControlPlane.start(dir, BINARIES, List.of())) {
            JsonNode ports = ports(dir);
            Path pki = dir.resolve("pki");
            List<String> client = List.of(
                    "--cacert", pki.resolve("etcd-ca.crt").toString(),
                    "--cert", pki.resolve("etcd-client.crt").toString(),
                    "--key", pki.resolve("etcd-client.key").toString());
            for (String port : List.of("etcd", "etcdPeer")) {
                int number = ports.path(port).asInt();
                for (String path : List.of("/version", "/health", "/metrics", "/v3/kv/range", "/v2/keys", "/members")) {
                    assertThat(status("http://127.0.0.1:" + number + path))
                            .as("%s %s", port, path)
                            .isNotEqualTo("200");
                    assertThat(status("https://127.0.0.1:" + number + path, "--insecure"))
                            .as("%s %s, without a client certificate", port, path)
                            .isEqualTo("000");
                }
            }
            String etcd = "https://127.0.0.1:" + ports.path("etcd").asInt() + "/version";
            assertThat(status(etcd, client.toArray(String[]::new)))
                    .as("the API server's own keys")
                    .isEqualTo("200");
            String api = "https://127.0.0.1:" + ports.path("api").asInt();
            for (String path : List.of("/version", "/healthz", "/metrics", "/api/v1/secrets", "/openapi/v2", "/")) {
                assertThat(status(api + path, "--insecure")).as(path).isEqualTo("401");
            }
            assertThat(cluster.kubeconfig()).exists();
        }
    }

    @Test
    void everyFileOfTheClusterIsPrivate() throws Exception {
        Path dir = temporary.resolve("made/cluster");
        try {
            LocalDeployment stack = LocalDeployment.up(dir, 1, Map.of(), System.err::println);
            String page = stack.awaitPage().toString();
            assertThat(status(page)).isEqualTo("200");
            assertThat(status(page, "--header", "Host: attacker.example")).isEqualTo("403");
            assertThat(status(page.replace("127.0.0.1", "127.0.0.2")))
                    .as("another address of this machine")
                    .isEqualTo("000");
            assertThat(openToOthers(temporary.resolve("made"))).isEmpty();
            assertThat(Files.exists(dir.resolve("etcd/member"))).isTrue();
        } finally {
            LocalDeployment.down(dir);
        }
    }

    @Test
    void takesOverTheDataOfAnEarlierVersionThatHasEnded() throws Exception {
        Path dir = temporary.resolve("cluster");
        EarlierVersion earlier = new EarlierVersion(dir);
        earlier.start();
        try (KubernetesClient client = LocalControlPlane.client(dir)) {
            client.resource(note()).create();
        }
        earlier.crash();
        try (LocalControlPlane cluster = LocalControlPlane.start(dir, BINARIES, List.of());
                KubernetesClient client = cluster.client()) {
            assertThat(client.resource(note()).get()).as("etcd's data is kept").isNotNull();
            assertThat(status("http://127.0.0.1:" + ports(dir).path("etcd").asInt() + "/version"))
                    .isNotEqualTo("200");
            assertThat(openToOthers(dir)).isEmpty();
        }
    }

    @Test
    void refusesAnEarlierVersionThatRunsAndLeavesItAsItIs() throws Exception {
        Path dir = temporary.resolve("cluster");
        EarlierVersion earlier = new EarlierVersion(dir);
        earlier.start();
        try {
            for (int attempt = 0; attempt < 2; attempt++) {
                assertThatThrownBy(() -> LocalControlPlane.start(dir, BINARIES, List.of()))
                        .isInstanceOf(LocalClusterException.class)
                        .hasMessageContaining("started by an earlier version of swav")
                        .hasMessageContaining("./swav down --dir " + dir);
            }
            assertThat(status("http://127.0.0.1:" + ports(dir).path("etcd").asInt() + "/version"))
                    .isEqualTo("200");
        } finally {
            LocalDeployment.down(dir);
        }
        try (LocalControlPlane cluster = LocalControlPlane.start(dir, BINARIES, List.of())) {
            assertThat(BackgroundProcess.find(cluster.dir(), "etcd")).isPresent();
        }
    }

    /** The control plane as it was started before etcd had keys, with files that others can read. */
    private record EarlierVersion(Path dir) {
        void start() throws IOException {
            // a cluster of today leaves the keys that both versions know, and ports that are free
            LocalControlPlane.start(dir, BINARIES, List.of());
            JsonNode ports = ports(dir);
            String kubeconfig = Files.readString(dir.resolve("kubeconfig"));
            LocalControlPlane.stop(dir);
            for (String key : List.of("etcd-ca.crt", "etcd.crt", "etcd.key", "etcd-client.crt", "etcd-client.key")) {
                Files.delete(dir.resolve("pki").resolve(key));
            }
            Files.writeString(dir.resolve("kubeconfig"), kubeconfig);
            String etcd = "http://127.0.0.1:" + ports.path("etcd").asInt();
            String peer = "http://127.0.0.1:" + ports.path("etcdPeer").asInt();
            BackgroundProcess.start(
                    dir,
                    "etcd",
                    List.of(
                            BINARIES.etcd().toString(),
                            "--name=swav",
                            "--data-dir=" + dir.resolve("etcd"),
                            "--listen-client-urls=" + etcd,
                            "--advertise-client-urls=" + etcd,
                            "--listen-peer-urls=" + peer,
                            "--initial-advertise-peer-urls=" + peer,
                            "--initial-cluster=swav=" + peer),
                    Map.of());
            String pki = dir.resolve("pki").toString();
            BackgroundProcess.start(
                    dir,
                    "kube-apiserver",
                    List.of(
                            BINARIES.apiServer().toString(),
                            "--etcd-servers=" + etcd,
                            "--bind-address=127.0.0.1",
                            "--secure-port=" + ports.path("api").asInt(),
                            "--tls-cert-file=" + pki + "/apiserver.crt",
                            "--tls-private-key-file=" + pki + "/apiserver.key",
                            "--token-auth-file=" + pki + "/tokens.csv",
                            "--authorization-mode=RBAC",
                            "--service-account-issuer=https://kubernetes.default.svc",
                            "--service-account-signing-key-file=" + pki + "/service-accounts.key",
                            "--service-account-key-file=" + pki + "/service-accounts.pub",
                            "--disable-admission-plugins=ServiceAccount"),
                    Map.of());
            try (KubernetesClient client = LocalControlPlane.client(dir)) {
                Awaitility.await()
                        .atMost(java.time.Duration.ofMinutes(2))
                        .ignoreExceptions()
                        .until(() -> client.namespaces().withName("default").get() != null);
            }
            Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxr-xr-x"));
            Files.setPosixFilePermissions(dir.resolve("kubeconfig"), PosixFilePermissions.fromString("rw-r--r--"));
        }

        void crash() {
            for (String name : List.of("kube-apiserver", "etcd")) {
                ProcessHandle.of(BackgroundProcess.find(dir, name).orElseThrow().pid())
                        .orElseThrow()
                        .destroyForcibly();
                Awaitility.await().until(() -> BackgroundProcess.find(dir, name).isEmpty());
            }
        }
    }

    private static JsonNode ports(Path dir) throws IOException {
        return JSON.readTree(dir.resolve("ports.json").toFile());
    }

    /** The HTTP status that curl gets, 000 if no HTTP answer came. */
    private static String status(String url, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                "curl", "--silent", "--noproxy", "*", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}"));
        command.addAll(List.of(options));
        command.add(url);
        Process curl = new ProcessBuilder(command).start();
        String status = new String(curl.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        curl.waitFor();
        return status;
    }

    private static List<String> openToOthers(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            List<String> open = new ArrayList<>();
            for (Path file : files.toList()) {
                String mode = PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
                if (!mode.endsWith("------")) {
                    open.add(mode + " " + file);
                }
            }
            return open;
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
