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
    private static final String PUBLISHED = "WorldPublished: World generation 5 with 0 trainers: job-1 left";
    private static final SwavJob JOB = Jobs.job("replicas: 2");
    private static final Outbox OWED = Outbox.EMPTY.plus(JobEvents.notes(JOB, plan(), List.of(), Instant.EPOCH));

    /** The next plan keeps that world, so it cannot tell of it. */
    @Test
    void tellsAtOnceWhatWasPublishedAndOfPodsWhatIsSeen() throws IOException {
        List<ObservedPod> before = List.of(pod("job-3"), pod("job-4"), pod("job-5"), pod("job-6"));
        List<ObservedPod> after = List.of(pod("job-2"), pod("job-3"));
        assertThat(recorded(Set.of(), events -> events.tell(JOB, OWED, before, Instant.EPOCH)))
                .containsExactly(AVOIDED, PUBLISHED);
        assertThat(recorded(Set.of(), events -> {
                    Outbox open = events.tell(JOB, OWED, before, Instant.EPOCH);
                    assertThat(events.tell(JOB, open, after, Instant.EPOCH.plusSeconds(2))
                                    .notes())
                            .as("job-3 is still there")
                            .singleElement()
                            .satisfies(note -> assertThat(note.pods()).containsExactly("job-3"));
                }))
                .containsExactly(
                        AVOIDED,
                        PUBLISHED,
                        "PodsCreated: job-2 (wanted pods: 2, existing: 1)",
                        "PodsDeleted: job-5 (its peers do not reach it)",
                        "PodsDeleted: job-4 (wanted pods: 2, existing: 4)");
    }

    @Test
    void tellsAgainAfterTheProcessAloneAndThenTheApiServerRefuses() throws IOException {
        assertThat(recorded(Set.of(), events -> {
                    events.tell(JOB, OWED, List.of(), Instant.EPOCH);
                    events.tell(JOB, OWED, List.of(), Instant.EPOCH);
                }))
                .hasSize(4)
                .isEqualTo(recorded(Set.of(), events -> events.tell(JOB, OWED, List.of(), Instant.EPOCH)));
        assertThat(recorded(Set.of(), events -> events.tell(JOB, OWED, List.of(), Instant.EPOCH.plusSeconds(300))))
                .as("nothing of a job that has not changed for a while")
                .isEmpty();
    }

    @Test
    void whatTheApiServerDidNotTakeIsStillOwed() throws IOException {
        List<String> recorded = recorded(Set.of(1, 2, 3, 4, 5), events -> {
            Outbox owed = events.tell(JOB, OWED, List.of(pod("job-2")), Instant.EPOCH);
            assertThat(owed.notes()).hasSameSizeAs(OWED.notes());
            assertThat(events.tell(JOB, owed, List.of(pod("job-2")), Instant.EPOCH)
                            .notes())
                    .isEmpty();
        });
        assertThat(recorded).hasSize(5).startsWith(AVOIDED, PUBLISHED);
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
        List<String> recorded = recorded(Set.of(1, 2), events -> {
            events.recordConditions(JOB, failed("2026-01-01T00:00:01Z"), Instant.EPOCH);
            events.tell(JOB, OWED, List.of(pod("job-3"), pod("job-4"), pod("job-5")), Instant.EPOCH);
        });
        assertThat(recorded).containsExactly("Failed: 11 failures", AVOIDED, PUBLISHED);
    }

    /** The operator may end between storing a status and recording its conditions. */
    @Test
    void aSuccessorRecordsOnceTheConditionsThatItsPredecessorMayHaveLeftOut() throws IOException {
        SwavJob job = Jobs.job("replicas: 2");
        job.setStatus(failed("1970-01-01T00:00:00Z"));
        assertThat(recorded(Set.of(), events -> {
                    events.recall(job, Instant.EPOCH.plusSeconds(60));
                    events.recall(job, Instant.EPOCH.plusSeconds(61));
                }))
                .containsExactly("Failed: 11 failures");
        assertThat(recorded(Set.of(), events -> events.recall(job, Instant.EPOCH.plusSeconds(600))))
                .as("nothing of a job that has not changed for a while")
                .isEmpty();
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
