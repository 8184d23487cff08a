package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.operator.PlanExecutor.PodChanges;
import io.swav.planner.LivenessSignals;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.PodState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.RolloutReport;
import io.swav.planner.WorldDecision;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class JobEventsTest {
    private static final ReconcilePlan PLAN = plan();

    /** The next plan keeps that world, so it cannot record it. */
    @Test
    void recordsAPublishedWorldEvenIfAPodCouldNotBeCreated() throws IOException {
        assertThat(recorded(new ExecutionResult(true, Optional.empty(), Optional.of("no leader of etcd"))))
                .containsExactly("WorldPublished: World generation 5 with 0 trainers: job-1 left");
        PodChanges done = new PodChanges(List.of("job-2"), PLAN.delete(), List.of());
        assertThat(recorded(new ExecutionResult(true, Optional.empty(), Optional.empty(), done)))
                .containsExactlyInAnyOrder(
                        "WorldPublished: World generation 5 with 0 trainers: job-1 left",
                        "PodsCreated: job-2 (wanted pods: 2, existing: 1)",
                        "PodsDeleted: job-3, job-5 (its peers do not reach it)",
                        "PodsDeleted: job-4 (wanted pods: 2, existing: 4)");
        assertThat(recorded(new ExecutionResult(false, Optional.empty(), Optional.of("no leader of etcd"))))
                .as("the next plan publishes it")
                .isEmpty();
    }

    private static ReconcilePlan plan() {
        World next = new World(5, "uid-1", List.of(), "job-1 left");
        return new ReconcilePlan(
                new WorldDecision.Regroup(next, next.why()),
                List.of("job-2"),
                "wanted pods: 2, existing: 1",
                deleted(),
                List.of(),
                PlannerState.EMPTY,
                List.of(),
                List.of(),
                RolloutReport.NONE,
                Optional.empty());
    }

    private static Map<ObservedPod, String> deleted() {
        Map<ObservedPod, String> deleted = new LinkedHashMap<>();
        deleted.put(pod("job-3"), "its peers do not reach it");
        deleted.put(pod("job-4"), "wanted pods: 2, existing: 4");
        deleted.put(pod("job-5"), "its peers do not reach it");
        deleted.put(pod("job-6"), "");
        return deleted;
    }

    private static ObservedPod pod(String name) {
        return new ObservedPod(name, name, Instant.EPOCH, new PodState.Starting("pulling"), LivenessSignals.NONE);
    }

    /** Returns the Events that an API server which accepts all of them receives. */
    private static List<String> recorded(ExecutionResult outcome) throws IOException {
        List<String> recorded = new CopyOnWriteArrayList<>();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/api/v1/namespaces/ns/events", exchange -> {
            byte[] event = exchange.getRequestBody().readAllBytes();
            var fields = new ObjectMapper().readTree(event);
            recorded.add(
                    fields.get("reason").asText() + ": " + fields.get("message").asText());
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            exchange.sendResponseHeaders(HttpURLConnection.HTTP_CREATED, event.length);
            exchange.getResponseBody().write(event);
            exchange.close();
        });
        server.start();
        try (KubernetesClient client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .build())
                .build()) {
            new JobEvents(client).recordPlan(Jobs.job("replicas: 2"), PLAN, outcome, Instant.EPOCH);
            return recorded;
        } finally {
            server.stop(0);
        }
    }
}
