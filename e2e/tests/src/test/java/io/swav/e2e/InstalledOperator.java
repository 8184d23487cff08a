package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.authentication.TokenRequestBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.charts.Chart;
import io.swav.local.BackgroundProcess;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Runs the operator as an installed Deployment would: a process with the container's arguments and environment, and with
 * a token of its ServiceAccount as its only credential. Only its ports differ.
 */
final class InstalledOperator implements AutoCloseable {
    private static final Pattern ADDRESS =
            Pattern.compile("metrics on (http://127\\.0\\.0\\.1:\\d+)/, health on (http://127\\.0\\.0\\.1:\\d+)/");
    private static final int METRICS = 1;
    private static final int HEALTH = 2;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private static final int RESTARTS = 3;

    private final KubernetesClient admin;
    private final Supplier<BackgroundProcess> container;
    private final JsonNode spec;
    private final Path kubeconfig;
    private BackgroundProcess process;

    /** @param container starts the container's process
     * @param spec the container in the Deployment's template */
    private InstalledOperator(
            KubernetesClient admin, Supplier<BackgroundProcess> container, JsonNode spec, Path kubeconfig) {
        this.admin = admin;
        this.container = container;
        this.spec = spec;
        this.kubeconfig = kubeconfig;
        this.process = container.get();
    }

    /**
     * Starts the operator and waits until its own startup probe passes. As a kubelet would, it starts it again if it ends:
     * an API server may refuse watches for some moments after the roles were applied, until its authorizer has seen them.
     */
    static InstalledOperator start(LocalControlPlane cluster, KubernetesClient admin, List<JsonNode> objects, Path dir)
            throws IOException {
        JsonNode deployment = Chart.only(objects, "Deployment");
        JsonNode pod = deployment.at("/spec/template/spec");
        JsonNode spec = pod.at("/containers/0");
        Path kubeconfig = Files.createDirectories(dir).resolve("kubeconfig");
        String token = token(
                admin,
                deployment.at("/metadata/namespace").asText(),
                pod.get("serviceAccountName").asText());
        Files.writeString(
                kubeconfig, Files.readString(cluster.kubeconfig()).replaceAll("token: .*", "token: " + token));
        Map<String, String> env = new TreeMap<>();
        spec.get("env")
                .forEach(e -> env.put(e.get("name").asText(), e.get("value").asText()));
        env.put("KUBECONFIG", kubeconfig.toString());
        env.put("SWAV_HTTP_PORT", "0");
        env.put("SWAV_HEALTH_PORT", "0");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Xmx256m",
                "-cp",
                System.getProperty("java.class.path"),
                "io.swav.operator.Main"));
        spec.path("args").forEach(argument -> command.add(argument.asText()));
        InstalledOperator operator = new InstalledOperator(
                admin, () -> BackgroundProcess.start(dir, "operator", command, env), spec, kubeconfig);
        try {
            for (int restarts = 0; !operator.startsUp(); restarts++) {
                assertThat(restarts).as("restarts of an operator that ends").isLessThan(RESTARTS);
                operator.process = operator.container.get();
            }
        } catch (RuntimeException | AssertionError e) {
            operator.close();
            throw new AssertionError(operator.process.describe(), e);
        }
        return operator;
    }

    static String token(KubernetesClient admin, String namespace, String account) {
        return admin.serviceAccounts()
                .inNamespace(namespace)
                .withName(account)
                .tokenRequest(new TokenRequestBuilder()
                        .withNewSpec()
                        .withExpirationSeconds(3600L)
                        .endSpec()
                        .build())
                .getStatus()
                .getToken();
    }

    /** Waits until the startup probe passes, or the process has ended; returns whether it passes. */
    private boolean startsUp() {
        AtomicBoolean passes = new AtomicBoolean();
        await("startup probe").atMost(LIMIT).ignoreExceptions().until(() -> {
            if (!process.alive()) {
                return true;
            }
            passes.set(passes("startupProbe"));
            return passes.get();
        });
        return passes.get();
    }

    /** Whether this probe of the container passes. */
    boolean passes(String probe) throws IOException, InterruptedException {
        JsonNode get = spec.at("/" + probe + "/httpGet");
        assertThat(get.get("port").asText()).isEqualTo("health");
        return Http.get(URI.create(address(HEALTH) + get.get("path").asText())).statusCode() == 200;
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return Http.get(URI.create(address(METRICS) + path));
    }

    /** What the operator responds to its readiness probe. */
    String health() throws IOException, InterruptedException {
        return Http.get(URI.create(address(HEALTH) + "/healthz")).body();
    }

    URI metricsAddress() throws IOException {
        return URI.create(address(METRICS));
    }

    private String address(int which) throws IOException {
        Matcher address = ADDRESS.matcher(log());
        assertThat(address.find()).as("the log names the addresses").isTrue();
        return address.group(which);
    }

    /** Stops the process by SIGSTOP: it exists, but neither sees nor does anything. */
    void freeze() throws IOException, InterruptedException {
        signal("STOP");
    }

    void thaw() throws IOException, InterruptedException {
        signal("CONT");
    }

    private void signal(String name) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                        .start()
                        .waitFor())
                .isZero();
    }

    String log() throws IOException {
        return Files.readString(process.log());
    }

    /** A client with exactly the rights of its ServiceAccount. */
    Path kubeconfig() {
        return kubeconfig;
    }

    @Override
    public void close() {
        process.stop(Duration.ofSeconds(10));
        admin.leases().inAnyNamespace().delete(); // so that the next operator need not wait until they expire
    }
}
