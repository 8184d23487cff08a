package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PodEventsTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final String LIST = """
            {"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": [
             {"kind": "Event", "apiVersion": "v1", "metadata": {"name": "e"}, "reason": "FailedMount"}]}
            """;
    private static final String FORBIDDEN = """
            {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden",
             "message": "events is forbidden: User cannot list resource events"}
            """;

    private final List<String> queries = new CopyOnWriteArrayList<>();
    private volatile boolean allowed = true;
    private HttpServer server;
    private KubernetesClient client;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/api/v1/namespaces/ns/events", exchange -> {
            queries.add(exchange.getRequestURI().getQuery());
            byte[] answer = (allowed ? LIST : FORBIDDEN).getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            exchange.sendResponseHeaders(
                    allowed ? HttpURLConnection.HTTP_OK : HttpURLConnection.HTTP_FORBIDDEN, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .build())
                .build();
    }

    @AfterEach
    void end() {
        client.close();
        server.stop(0);
    }

    @Test
    void readsAFewEventsOfEachPodAtIntervals() {
        PodEvents events = new PodEvents(client);
        assertThat(events.of(pod("a"), NOW).items())
                .extracting(Event::getReason)
                .containsExactly("FailedMount");
        events.of(pod("a"), NOW.plusSeconds(9));
        assertThat(queries).singleElement().asString().contains("involvedObject.name=a", "uid-a", "limit=50");
        events.of(pod("b"), NOW.plusSeconds(9));
        events.of(pod("a"), NOW.plus(PodHolds.RECHECK_EVERY));
        assertThat(queries).hasSize(3);
    }

    @Test
    void statesThatTheRoleMayNotListEventsUntilItMay() {
        allowed = false;
        PodEvents events = new PodEvents(client);
        PodHolds.Events none = events.of(pod("a"), NOW);
        assertThat(none.items()).isEmpty();
        assertThat(none.unreadable())
                .contains("the operator's role may not list events; install the RBAC of this version of the chart");
        allowed = true;
        assertThat(events.of(pod("a"), NOW.plus(PodHolds.RECHECK_EVERY)).unreadable())
                .isEmpty();
    }

    @Test
    void readsNoOtherPodsEventsWhileTheApiServerIsUnresponsive() {
        server.stop(0);
        PodEvents events = new PodEvents(client);
        assertThat(events.of(pod("a"), NOW).unreadable()).isPresent();
        assertThat(events.of(pod("b"), NOW.plusSeconds(1)).unreadable()).contains("the API server is not responding");
    }

    private static Pod pod(String name) {
        return new PodBuilder()
                .withNewMetadata()
                .withName(name)
                .withNamespace("ns")
                .withUid("uid-" + name)
                .endMetadata()
                .build();
    }
}
