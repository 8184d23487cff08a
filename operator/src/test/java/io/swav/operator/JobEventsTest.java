package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.operator.PlanExecutor.PodChanges;
import io.swav.planner.AvoidedNodesPlan;
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
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class JobEventsTest {
    private static final AvoidedNode OLD = new AvoidedNode("n1", "2026-01-01T01:00:00Z", "2 failures");
    private static final AvoidedNode NEW = new AvoidedNode("n2", "2026-01-01T02:00:00Z", "3 failures");
    private static final String AVOIDED = "NodeAvoided: node n2: 3 failures. New pods of this job avoid it until"
            + " 2026-01-01T02:00:00Z: they run there only if no other node takes them. Other jobs still use it; cordon it"
            + " if it is faulty";
    private static final ReconcilePlan PLAN = plan();

    /** The next plan keeps that world, so it cannot record it. */
    @Test
    void recordsAPublishedWorldEvenIfAPodCouldNotBeCreated() throws IOException {
        assertThat(recorded(new ExecutionResult(true, Optional.empty(), Optional.of("no leader of etcd"))))
                .containsExactlyInAnyOrder(AVOIDED, "WorldPublished: World generation 5 with 0 trainers: job-1 left");
        PodChanges done = new PodChanges(List.of("job-2"), PLAN.delete(), List.of());
        assertThat(recorded(new ExecutionResult(true, Optional.empty(), Optional.empty(), done)))
                .containsExactlyInAnyOrder(
                        "WorldPublished: World generation 5 with 0 trainers: job-1 left",
                        AVOIDED,
                        "PodsCreated: job-2 (wanted pods: 2, existing: 1)",
                        "PodsDeleted: job-3, job-5 (its peers do not reach it)",
                        "PodsDeleted: job-4 (wanted pods: 2, existing: 4)");
        assertThat(recorded(new ExecutionResult(false, Optional.empty(), Optional.of("no leader of etcd"))))
                .as("the next plan publishes it")
                .isEmpty();
    }

    /** Storing the status may fail for a while; each try would repeat the Event. */
    @Test
    void aConditionIsRecordedOnceWhileTheStatusCannotBeStored() throws IOException {
        SwavJob job = Jobs.job("replicas: 2");
        List<String> recorded = recorded(Set.of(), events -> {
            events.recordConditions(job, failed("2026-01-01T00:00:01Z"), Instant.EPOCH);
            events.recordConditions(job, failed("2026-01-01T00:00:03Z"), Instant.EPOCH);
            events.statusStored(job);
            job.setStatus(failed("2026-01-01T00:00:03Z"));
            events.recordConditions(job, failed("2026-01-01T00:00:03Z"), Instant.EPOCH);
        });
        assertThat(recorded).containsExactly("Failed: 11 failures");
    }

    @Test
    void anEventThatCannotBeWrittenIsWrittenLaterInItsOrder() throws IOException {
        ExecutionResult published = new ExecutionResult(true, Optional.empty(), Optional.empty());
        List<String> recorded = recorded(Set.of(1, 2), events -> {
            events.recordConditions(Jobs.job("replicas: 2"), failed("2026-01-01T00:00:01Z"), Instant.EPOCH);
            events.recordPlan(Jobs.job("replicas: 2"), PLAN, published, Instant.EPOCH);
        });
        assertThat(recorded)
                .containsExactly(
                        "Failed: 11 failures",
                        AVOIDED,
                        "WorldPublished: World generation 5 with 0 trainers: job-1 left");
    }

    /** The operator may end between publishing a world and recording it. */
    @Test
    void aSuccessorRecordsOnceWhatItsPredecessorMayHaveLeftOut() throws IOException {
        World world = new World(5, "uid-1", List.of(), "job-1 left");
        PlannerState state = new PlannerState(
                PlannerState.EMPTY.pods(),
                PlannerState.EMPTY.backoff(),
                new PlannerState.Progress(Instant.EPOCH, null, null),
                PlannerState.EMPTY.account(),
                PlannerState.EMPTY.failures());
        SwavJob job = Jobs.job("replicas: 2");
        job.setStatus(failed("1970-01-01T00:00:00Z"));
        String published = "WorldPublished: World generation 5 with 0 trainers: job-1 left";
        assertThat(recorded(Set.of(), events -> {
                    events.recall(job, world, state, Instant.EPOCH.plusSeconds(60));
                    events.recall(job, world, state, Instant.EPOCH.plusSeconds(61));
                }))
                .containsExactly(published, "Failed: 11 failures");
        assertThat(recorded(Set.of(), events -> events.recall(job, world, state, Instant.EPOCH.plusSeconds(600))))
                .as("nothing of a job that has not changed for a while")
                .isEmpty();
        assertThat(recorded(Set.of(), events -> {
                    ExecutionResult result = new ExecutionResult(true, Optional.empty(), Optional.empty());
                    events.recordPlan(job, PLAN, result, Instant.EPOCH);
                    events.recall(job, world, state, Instant.EPOCH.plusSeconds(60));
                }))
                .as("the API server has it")
                .containsExactly(AVOIDED, published, "Failed: 11 failures");
    }

    private static SwavJobStatus failed(String since) {
        return new SwavJobStatus(
                1L,
                SwavJobStatus.Phase.Failed,
                0,
                0,
                null,
                null,
                null,
                null,
                null,
                List.of(new SwavJobStatus.JobCondition(
                        ConditionType.Failed.name(), "True", "TooManyFailures", "11 failures", since, 1L)));
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
                new AvoidedNodesPlan(List.of(OLD, NEW), List.of(NEW), true),
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

    private static List<String> recorded(ExecutionResult outcome) throws IOException {
        return recorded(Set.of(), events -> events.recordPlan(Jobs.job("replicas: 2"), PLAN, outcome, Instant.EPOCH));
    }

    /**
     * Returns the Events that an API server has received, each name once, as it would be there.
     *
     * @param outages numbers of the requests, from 1, that it does not answer well
     */
    private static List<String> recorded(Set<Integer> outages, Consumer<JobEvents> recording) throws IOException {
        Map<String, String> recorded = Collections.synchronizedMap(new LinkedHashMap<>());
        AtomicInteger requests = new AtomicInteger();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/api/v1/namespaces/ns/events", exchange -> {
            byte[] event = exchange.getRequestBody().readAllBytes();
            var fields = new ObjectMapper().readTree(event);
            String name = fields.at("/metadata/name").asText();
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            byte[] answer = event;
            if (outages.contains(requests.incrementAndGet())) {
                answer = "{\"kind\": \"Status\", \"code\": 501}".getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(HttpURLConnection.HTTP_NOT_IMPLEMENTED, answer.length);
            } else if (recorded.containsKey(name)) {
                answer = "{\"kind\": \"Status\", \"code\": 409, \"reason\": \"AlreadyExists\"}"
                        .getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(HttpURLConnection.HTTP_CONFLICT, answer.length);
            } else {
                recorded.put(
                        name,
                        fields.get("reason").asText() + ": "
                                + fields.get("message").asText());
                exchange.sendResponseHeaders(HttpURLConnection.HTTP_CREATED, answer.length);
            }
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        try (KubernetesClient client = new KubernetesClientBuilder()
                .withConfig(new ConfigBuilder()
                        .withMasterUrl("http://127.0.0.1:" + server.getAddress().getPort())
                        .withRequestRetryBackoffLimit(0)
                        .build())
                .build()) {
            recording.accept(new JobEvents(client));
            return List.copyOf(recorded.values());
        } finally {
            server.stop(0);
        }
    }
}
