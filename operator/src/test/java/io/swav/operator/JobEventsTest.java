package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.World;
import io.swav.operator.Outbox.Note;
import io.swav.operator.Outbox.Outcome;
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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

    private static final SwavJob FAILED = Jobs.job("replicas: 2");

    static {
        FAILED.setStatus(failed("1970-01-01T00:00:00Z"));
    }

    /** The next plan keeps that world, so it cannot tell of it. */
    @Test
    void tellsAtOnceWhatWasPublishedAndOfPodsWhatIsSeen() throws IOException {
        List<ObservedPod> before = List.of(pod("job-3"), pod("job-4"), pod("job-5"), pod("job-6"));
        List<ObservedPod> after = List.of(pod("job-2"), pod("job-3"));
        assertThat(recorded(Set.of(), events -> events.tell(JOB, OWED, before, Set.of(), Instant.EPOCH)))
                .containsExactly(AVOIDED, PUBLISHED);
        assertThat(recorded(Set.of(), events -> {
                    Outbox open = events.tell(JOB, OWED, before, Set.of(), Instant.EPOCH)
                            .outbox();
                    assertThat(events.tell(JOB, open, after, Set.of(), Instant.EPOCH.plusSeconds(2))
                                    .outbox()
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

    /** A pod may go before the next look. */
    @Test
    void tellsOfAPodAsSoonAsItsCreationIsConfirmed() throws IOException {
        List<ObservedPod> before = List.of(pod("job-3"), pod("job-4"), pod("job-5"), pod("job-6"));
        assertThat(recorded(Set.of(), events -> {
                    Outbox open = events.tell(JOB, OWED, before, Set.of("job-2"), Instant.EPOCH)
                            .outbox();
                    events.tell(JOB, open, before, Set.of(), Instant.EPOCH.plusSeconds(60));
                }))
                .containsExactly(AVOIDED, PUBLISHED, "PodsCreated: job-2 (wanted pods: 2, existing: 1)");
    }

    /** The operator that planned it may have ended before or after it created the pod. */
    @Test
    void tellsOfAnEarlierOperatorsPodThatIsNotThere() throws IOException {
        Instant first = Instant.EPOCH.plusSeconds(5);
        List<ObservedPod> others = List.of(pod("job-3"), pod("job-4"), pod("job-5"), pod("job-6"));
        assertThat(recorded(Set.of(), events -> {
                    events.recall(JOB, first);
                    JobEvents.Owed owed = events.tell(JOB, OWED, others, Set.of(), first);
                    assertThat(owed.recheckAt()).hasValue(Instant.EPOCH.plusSeconds(10));
                    events.tell(JOB, OWED, others, Set.of(), Instant.EPOCH.plusSeconds(9));
                    JobEvents.Owed later = events.tell(JOB, OWED, others, Set.of(), Instant.EPOCH.plusSeconds(10));
                    assertThat(later.recheckAt()).isEmpty();
                    events.tell(JOB, OWED, others, Set.of(), Instant.EPOCH.plusSeconds(11));
                }))
                .containsExactly(
                        AVOIDED,
                        PUBLISHED,
                        "PodsGone: job-2 (wanted pods: 2, existing: 1): gone; deleted while no operator ran, or never"
                                + " created");
    }

    @Test
    void tellsAgainAfterTheProcessAloneAndThenTheApiServerRefuses() throws IOException {
        assertThat(recorded(Set.of(), events -> {
                    events.tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH);
                    events.tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH);
                }))
                .hasSize(4)
                .isEqualTo(recorded(Set.of(), events -> events.tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH)));
        assertThat(recorded(
                        Set.of(),
                        events -> events.tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH.plusSeconds(300))))
                .as("nothing of a job that has not changed for a while")
                .isEmpty();
    }

    @Test
    void whatTheApiServerDidNotTakeIsStillOwed() throws IOException {
        List<String> recorded = recorded(Set.of(1, 2, 3, 4, 5), events -> {
            Outbox owed = events.tell(JOB, OWED, List.of(pod("job-2")), Set.of(), Instant.EPOCH)
                    .outbox();
            assertThat(owed.notes()).hasSameSizeAs(OWED.notes());
            assertThat(events.tell(JOB, owed, List.of(pod("job-2")), Set.of(), Instant.EPOCH)
                            .outbox()
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
    void eachSetThatDataGrowsToIsRecordedOnce() throws IOException {
        SwavJob job = Jobs.job("replicas: 2");
        String first = "{fromEpoch: 0, images: 48, fingerprint: a}";
        String second = first + ", {fromEpoch: 3, images: 72, fingerprint: b}";
        String nonsense = "{images: 7}, {fromEpoch: -1, images: 8, fingerprint: a}";
        List<String> recorded = recorded(Set.of(), events -> {
            for (String sets : List.of(
                    first, first, second, nonsense, second, second + ", {fromEpoch: 9, images: 73, fingerprint: c}")) {
                SwavJobStatus now = Serialization.unmarshal(
                        "progress: {step: 1, data: {images: 1, sets: [" + sets + "]}}", SwavJobStatus.class);
                events.recordConditions(job, now, Instant.EPOCH);
                events.statusStored(job);
                job.setStatus(now);
            }
        });
        assertThat(recorded)
                .containsExactly(
                        "DataGrown: From epoch 3 on, counted from 0, training sees 72 images instead of 48, because"
                                + " files were added at data.uri. The set's fingerprint is b",
                        "DataGrown: From epoch 9 on, counted from 0, training sees 73 images instead of 72, because"
                                + " files were added at data.uri. The set's fingerprint is c");
    }

    @Test
    void anEventThatCannotBeWrittenIsWrittenLaterInItsOrder() throws IOException {
        List<String> recorded = recorded(Set.of(1, 2), events -> {
            events.recordConditions(JOB, failed("2026-01-01T00:00:01Z"), Instant.EPOCH);
            events.tell(JOB, OWED, List.of(pod("job-3"), pod("job-4"), pod("job-5")), Set.of(), Instant.EPOCH);
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

    @Test
    void aSuccessorWritesNoEventThatIsThere() throws IOException {
        for (boolean everywhere : List.of(true, false)) {
            try (EventServer server = new EventServer(Set.of(2))) {
                Consumer<JobEvents> tells = events -> {
                    events.recall(FAILED, Instant.EPOCH.plusSeconds(60));
                    events.tell(FAILED, OWED, List.of(), Set.of(), Instant.EPOCH.plusSeconds(60));
                };
                tells.accept(server.operator(everywhere, () -> 0));
                List<String> told = server.recorded();
                assertThat(told).hasSize(6);
                int asked = server.lists.getAndSet(0);
                assertThat(asked).as("before the first Event").isEqualTo(1);
                server.writes.set(100);

                tells.accept(server.operator(everywhere, () -> 0));
                assertThat(server.writes).as("none is refused").hasValue(100);
                assertThat(server.lists).as("pages of two").hasValue(3);

                server.events.remove(List.copyOf(server.events.keySet()).get(3));
                tells.accept(server.operator(everywhere, () -> 0));
                assertThat(server.writes).as("what is missing is told").hasValue(101);
                assertThat(server.recorded()).containsExactlyInAnyOrderElementsOf(told);
            }
        }
    }

    /** Of the pods of a note that was told as a whole some may have gone. */
    @Test
    void aSuccessorTellsOfNoPodASecondTime() throws IOException {
        Outbox owed = new Outbox(List.of(Note.ofPods(
                Instant.EPOCH, false, "PodsCreated", List.of("job-7", "job-8"), "(wanted)", Outcome.CREATED)));
        Instant later = Instant.EPOCH.plusSeconds(60);
        try (EventServer server = new EventServer(Set.of())) {
            server.operator().tell(JOB, owed, List.of(), Set.of("job-7", "job-8"), Instant.EPOCH);
            assertThat(server.recorded()).containsExactly("PodsCreated: job-7, job-8 (wanted)");
            JobEvents successor = server.operator();
            successor.recall(JOB, later);
            assertThat(successor
                            .tell(JOB, owed, List.of(pod("job-8")), Set.of(), later)
                            .outbox()
                            .notes())
                    .isEmpty();
            assertThat(server.recorded()).as("job-8 is told, job-7 is gone").hasSize(1);
        }
    }

    @Test
    void aSuccessorThatMayNotListEventsHasThemRefused() throws IOException {
        try (EventServer server = new EventServer(Set.of())) {
            server.operator().tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH);
            List<String> told = server.recorded();
            server.unlisted.set(true);
            server.lists.set(0);
            server.operator().tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH);
            assertThat(server.writes).hasValue(2 * told.size());
            assertThat(server.lists).as("tries").hasValue(1);
            assertThat(server.recorded()).isEqualTo(told);
        }
    }

    /** A proxy, or a server that is asked to try again, answers so; the Event is not there. */
    @Test
    void anEventThatIsRefusedWithAConflictIsWrittenLater() throws IOException {
        try (ObjectServer server = new ObjectServer()) {
            JobEvents events = new JobEvents(server.client(), new EarlierEvents(server.client(), true, () -> 0));
            server.refuseCreate("events", "Conflict");
            events.recordConditions(JOB, failed("2026-01-01T00:00:01Z"), Instant.EPOCH);
            assertThat(server.names("events")).isEmpty();
            events.tell(JOB, Outbox.EMPTY, List.of(), Set.of(), Instant.EPOCH);
            assertThat(server.names("events")).hasSize(1);
        }
    }

    /** Else the names of all Events would stay in memory. */
    @Test
    void forgetsEarlierEventsWhenNoneIsTakenUpAnyMore() throws IOException {
        try (EventServer server = new EventServer(Set.of())) {
            server.operator().tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH);
            int told = server.recorded().size();
            AtomicLong time = new AtomicLong();
            JobEvents successor = server.operator(true, time::get);
            successor.recordDeletion(deleted(JOB, "1970-01-01T00:00:10Z"), "waits", Instant.EPOCH.plusSeconds(10));
            time.set(Outbox.KEPT.toNanos() + 1);
            successor.tell(JOB, OWED, List.of(), Set.of(), Instant.EPOCH);
            assertThat(server.writes).hasValue(told + 1 + told);
        }
    }

    @Test
    void recordsADeletionOnceAndNotAgainLater() throws IOException {
        SwavJob job = deleted(JOB, "1970-01-01T00:00:10Z");
        try (EventServer server = new EventServer(Set.of(1))) {
            JobEvents events = server.operator();
            events.recordDeletion(job, "2 pods", Instant.EPOCH.plusSeconds(10));
            assertThat(server.recorded()).isEmpty();
            events.recordDeletion(job, "1 pod", Instant.EPOCH.plusSeconds(11));
            events.recordDeletion(job, "1 pod", Instant.EPOCH.plusSeconds(500));
            assertThat(server.recorded()).containsExactly("Deleting: 2 pods");
            assertThat(server.writes).hasValue(2);

            server.events.clear(); // Events are kept for an hour
            job.setStatus(StatusBuilder.deleting(job, 1, "1 pod", Instant.EPOCH.plusSeconds(11)));
            server.operator().recordDeletion(job, "1 pod", Instant.EPOCH.plusSeconds(5_000));
            assertThat(server.recorded()).isEmpty();
            server.operator().recordDeletion(job, "1 pod", Instant.EPOCH.plusSeconds(20));
            assertThat(server.recorded())
                    .as("its predecessor may have died before")
                    .hasSize(1);
        }
    }

    private static SwavJob deleted(SwavJob job, String time) {
        SwavJob deleted = Serialization.clone(job);
        deleted.getMetadata().setDeletionTimestamp(time);
        return deleted;
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
     * @param outages numbers of the writing requests, from 1, that it does not answer well
     */
    private static List<String> recorded(Set<Integer> outages, Consumer<JobEvents> recording) throws IOException {
        try (EventServer server = new EventServer(outages)) {
            recording.accept(server.operator());
            return server.recorded();
        }
    }

    /** An API server that keeps Events, lists two at a time, and refuses a name that is there. */
    private static final class EventServer implements AutoCloseable {
        private final Map<String, JsonNode> events = Collections.synchronizedMap(new LinkedHashMap<>());
        private final AtomicInteger writes = new AtomicInteger();
        private final AtomicInteger lists = new AtomicInteger();
        private final AtomicBoolean unlisted = new AtomicBoolean();
        private final Set<Integer> outages;
        private final HttpServer server;
        private final KubernetesClient client;

        EventServer(Set<Integer> outages) throws IOException {
            this.outages = outages;
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.createContext("/api/v1/namespaces/ns/events", exchange -> {
                if (exchange.getRequestMethod().equals("POST")) {
                    write(exchange);
                } else {
                    list(exchange);
                }
            });
            server.createContext("/api/v1/events", this::list);
            server.start();
            client = new KubernetesClientBuilder()
                    .withConfig(new ConfigBuilder()
                            .withMasterUrl(
                                    "http://127.0.0.1:" + server.getAddress().getPort())
                            .withRequestRetryBackoffLimit(0)
                            .build())
                    .build();
        }

        JobEvents operator() {
            return operator(true, () -> 0);
        }

        JobEvents operator(boolean everywhere, LongSupplier nanoTime) {
            return new JobEvents(client, new EarlierEvents(client, everywhere, nanoTime));
        }

        List<String> recorded() {
            return events.values().stream()
                    .map(event -> event.get("reason").asText() + ": "
                            + event.get("message").asText())
                    .toList();
        }

        private void write(HttpExchange exchange) throws IOException {
            JsonNode event = new ObjectMapper().readTree(exchange.getRequestBody());
            if (outages.contains(writes.incrementAndGet())) {
                answer(exchange, HttpURLConnection.HTTP_NOT_IMPLEMENTED, "{\"kind\": \"Status\", \"code\": 501}");
            } else if (events.putIfAbsent(event.at("/metadata/name").asText(), event) != null) {
                answer(
                        exchange,
                        HttpURLConnection.HTTP_CONFLICT,
                        "{\"kind\": \"Status\", \"code\": 409, \"reason\": \"AlreadyExists\"}");
            } else {
                answer(exchange, HttpURLConnection.HTTP_CREATED, event.toString());
            }
        }

        private void list(HttpExchange exchange) throws IOException {
            lists.incrementAndGet();
            String query = exchange.getRequestURI().getQuery();
            if (unlisted.get() || !query.contains("involvedObject.kind=SwavJob") || !query.contains("limit=500")) {
                answer(exchange, HttpURLConnection.HTTP_FORBIDDEN, "{\"kind\": \"Status\", \"code\": 403}");
                return;
            }
            Matcher next = Pattern.compile("continue=(\\d+)").matcher(query);
            int from = next.find() ? Integer.parseInt(next.group(1)) : 0;
            List<JsonNode> all = List.copyOf(events.values());
            int to = Math.min(from + 2, all.size());
            String rest = to < all.size() ? ", \"continue\": \"" + to + "\"" : "";
            answer(
                    exchange,
                    HttpURLConnection.HTTP_OK,
                    "{\"kind\": \"EventList\", \"apiVersion\": \"v1\", \"metadata\": {\"resourceVersion\": \"1\"" + rest
                            + "}, \"items\": " + all.subList(from, to) + "}");
        }

        private static void answer(HttpExchange exchange, int status, String body) throws IOException {
            byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
            exchange.close();
        }

        @Override
        public void close() {
            client.close();
            server.stop(0);
        }
    }
}
