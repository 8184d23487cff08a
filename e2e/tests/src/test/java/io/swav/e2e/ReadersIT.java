package io.swav.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ServiceAccountBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.charts.Chart;
import io.swav.local.LocalControlPlane;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.NetworkInterface;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The API server decides who reads metrics and page, from tokens of ServiceAccounts with and without the right. */
class ReadersIT extends ChartInTwoNamespaces {
    private final String mine = first;
    private final String other = second;

    ReadersIT(KubernetesClient client, LocalControlPlane cluster) {
        super(client, cluster);
    }

    @Test
    void theApiServerDecidesWhoReads() throws Exception {
        List<JsonNode> objects = objects("{authentication: {enabled: true}}");
        try (Installed rights = Installed.apply(client, objects);
                InstalledOperator operator = InstalledOperator.start(cluster, client, objects, dir)) {
            assertThat(rights).isNotNull();
            apply(mine, "ours-job");
            apply(other, "theirs-job");
            soon().untilAsserted(() -> assertThat(operator.get("/").body())
                    .as("port-forward and other processes of the pod come from a loopback address")
                    .contains("ours-job", "theirs-job"));
            assertThat(operator.get("/metrics").statusCode()).isEqualTo(200);

            HttpResponse<String> nobody = get(operator, "/metrics", "");
            assertThat(nobody.statusCode()).isEqualTo(401);
            assertThat(nobody.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
            assertThat(get(operator, "/", "").statusCode()).isEqualTo(401);
            assertThat(get(operator, "/metrics", "Bearer stolen").statusCode()).isEqualTo(401);
            assertThat(get(operator, "/metrics", "Basic YTpi").statusCode()).isEqualTo(401);

            String token = "Bearer " + account("reader");
            assertThat(get(operator, "/metrics", token))
                    .satisfies(r -> assertThat(r.statusCode()).isEqualTo(403))
                    .satisfies(r -> assertThat(r.body())
                            .contains("system:serviceaccount:" + mine + ":reader may not get /metrics"));
            assertThat(get(operator, "/", token).statusCode()).isEqualTo(403);

            bind("ClusterRoleBinding", "", "swav-operator-metrics-reader");
            soon().untilAsserted(
                            () -> assertThat(get(operator, "/metrics", token).body())
                                    .as("the earlier answer is remembered for some seconds")
                                    .contains("swav_job_replicas{"));
            assertThat(get(operator, "/", token).statusCode()).isEqualTo(403);

            bind("RoleBinding", mine, "swav-operator-view");
            soon().untilAsserted(() -> assertThat(get(operator, "/", token).body())
                    .contains("ours-job", "1 job")
                    .doesNotContain("theirs-job"));
            assertThat(get(operator, "/?namespace=" + mine, token).body()).contains("ours-job");
            assertThat(get(operator, "/?namespace=" + other, token).statusCode())
                    .isEqualTo(403);

            bind("ClusterRoleBinding", "", "swav-operator-view");
            soon().untilAsserted(
                            () -> assertThat(get(operator, "/", token).body()).contains("ours-job", "theirs-job"));
            assertThat(get(operator, "/?namespace=" + other, token).body())
                    .contains("theirs-job")
                    .doesNotContain("ours-job");

            client.rbac()
                    .clusterRoleBindings()
                    .withName(mine + "-swav-operator-metrics-reader")
                    .delete();
            soon().untilAsserted(() ->
                    assertThat(get(operator, "/metrics", token).statusCode()).isEqualTo(403));
        }
    }

    @Test
    void withoutAuthenticationThePageIsForThisMachineOnly() throws Exception {
        List<JsonNode> objects = objects("");
        try (Installed rights = Installed.apply(client, objects);
                InstalledOperator operator = InstalledOperator.start(cluster, client, objects, dir)) {
            assertThat(rights).isNotNull();
            assertThat(operator.get("/").statusCode()).isEqualTo(200);
            assertThat(get(operator, "/", "Bearer " + account("reader")))
                    .satisfies(r -> assertThat(r.statusCode()).isEqualTo(403))
                    .satisfies(r -> assertThat(r.body()).contains("kubectl port-forward", "authentication.enabled"));
            assertThat(get(operator, "/metrics", "").statusCode())
                    .as("the network policy protects them")
                    .isEqualTo(200);
        }
    }

    private String account(String name) {
        client.resource(new ServiceAccountBuilder()
                        .withNewMetadata()
                        .withName(name)
                        .withNamespace(mine)
                        .endMetadata()
                        .build())
                .create();
        return InstalledOperator.token(client, mine, name);
    }

    private void bind(String kind, String namespace, String role) throws IOException {
        Installed.apply(
                client,
                Chart.yaml("""
                        apiVersion: rbac.authorization.k8s.io/v1
                        kind: %s
                        metadata: {name: %s%s}
                        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %s}
                        subjects: [{kind: ServiceAccount, name: reader, namespace: %s}]
                        """.formatted(
                        kind, mine + "-" + role, namespace.isEmpty() ? "" : ", namespace: " + namespace, role, mine)),
                false);
    }

    @AfterEach
    void unbind() {
        for (String role : List.of("swav-operator-metrics-reader", "swav-operator-view")) {
            client.rbac().clusterRoleBindings().withName(mine + "-" + role).delete();
        }
    }

    /** Asks from this machine's own address in its network, as another pod would. */
    private static HttpResponse<String> get(InstalledOperator operator, String path, String authorization)
            throws IOException, InterruptedException {
        URI local = operator.metricsAddress();
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create("http://" + networkAddress() + ":" + local.getPort() + path));
        if (!authorization.isEmpty()) {
            request.header("Authorization", authorization);
        }
        return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private static String networkAddress() throws IOException {
        return NetworkInterface.networkInterfaces()
                .flatMap(NetworkInterface::inetAddresses)
                .filter(address -> address instanceof Inet4Address && !address.isLoopbackAddress())
                .findFirst()
                .orElseThrow()
                .getHostAddress();
    }
}
