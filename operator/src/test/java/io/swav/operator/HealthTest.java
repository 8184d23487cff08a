package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class HealthTest {
    /** The timeout of the chart's probe; the client itself, with all its tries, would take longer. */
    private static final Duration PROBE = Duration.ofSeconds(10);

    @Test
    void staysLiveAndUnhealthyWhileTheApiServerAcceptsPacketsAndNeverResponds() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                KubernetesClient client = new KubernetesClientBuilder()
                        .withConfig(new ConfigBuilder()
                                .withMasterUrl("http://127.0.0.1:" + silent.getLocalPort())
                                .withRequestTimeout(1000)
                                .build())
                        .build();
                Health health = Health.of(client, () -> true, () -> false, List::of);
                HttpPort port = new HttpPort(
                        "health",
                        new InetSocketAddress(0),
                        HttpEndpoints.health(health::problems, health::fatalProblems, List::of))) {
            HttpResponse<String> live = get(port, "/livez");
            assertThat(live.statusCode()).as(live.body()).isEqualTo(200);
            HttpResponse<String> ready = get(port, "/healthz");
            assertThat(ready.statusCode()).isEqualTo(503);
            assertThat(ready.body())
                    .contains("an informer is not watching")
                    .contains("the API server is not responding");
        }
    }

    private static HttpResponse<String> get(HttpPort port, String path) throws IOException, InterruptedException {
        return HttpClient.newHttpClient()
                .send(
                        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port.port() + path))
                                .timeout(PROBE)
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
    }
}
