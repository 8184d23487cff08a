package io.swav.operator;

import io.fabric8.kubernetes.api.model.Event;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.Fingerprints;
import io.swav.api.SwavJob;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes Events of jobs, each once: an Event's name follows from what it is about, so that one that an earlier operator
 * wrote is known ({@link EarlierEvents}), and the API server refuses the second of two. One that cannot be written because the API server does not answer is kept and tried again with the next;
 * one that it refuses is logged.
 */
final class EventWriter {
    private static final Logger LOG = LoggerFactory.getLogger(EventWriter.class);
    /** Events kept for one job while the API server does not answer; the oldest are dropped beyond it. */
    private static final int KEPT = 100;

    private final KubernetesClient client;
    private final EarlierEvents earlier;
    /** By uid of the job, the oldest first. A job is reconciled by one thread at a time. */
    private final Map<String, Deque<Event>> unwritten = new ConcurrentHashMap<>();

    EventWriter(KubernetesClient client, EarlierEvents earlier) {
        this.client = client;
        this.earlier = earlier;
    }

    /**
     * Writes an Event of a job.
     *
     * @param about what it is about: two Events of a job with the same reason and this are the same
     */
    void write(SwavJob job, boolean warning, String reason, String message, String about, Instant now) {
        write(job, event(job, warning, reason, message, about, now));
    }

    /** Writes the Event that a note owes. */
    void write(SwavJob job, Outbox.Note note) {
        Event event = event(job, note.warning(), note.reason(), note.message(), note.identity(), note.at());
        if (!note.pods().isEmpty()) {
            event.getMetadata().setAnnotations(Map.of(EarlierEvents.PODS, String.join(" ", note.pods())));
        }
        write(job, event);
    }

    private void write(SwavJob job, Event event) {
        if (earlier.contains(
                event.getMetadata().getNamespace(), event.getMetadata().getName())) {
            return;
        }
        String uid = job.getMetadata().getUid();
        Deque<Event> waiting = unwritten.computeIfAbsent(uid, key -> new ArrayDeque<>());
        waiting.addLast(event);
        if (waiting.size() > KEPT) {
            LOG.warn(
                    "dropped event \"{}\": the API server does not answer",
                    waiting.removeFirst().getMessage());
        }
        retry(job);
    }

    /** Writes what could not be written before, in its order. */
    void retry(SwavJob job) {
        String uid = job.getMetadata().getUid();
        Deque<Event> waiting = unwritten.getOrDefault(uid, new ArrayDeque<>());
        while (!waiting.isEmpty() && written(waiting.getFirst())) {
            waiting.removeFirst();
        }
        if (waiting.isEmpty()) {
            unwritten.remove(uid);
        }
    }

    /** Whether all Events of the job are written. */
    boolean isDone(SwavJob job) {
        return !unwritten.containsKey(job.getMetadata().getUid());
    }

    void forget(String uid) {
        unwritten.remove(uid);
    }

    /** Returns whether the Event needs no other try. */
    private boolean written(Event event) {
        try {
            client.v1().events().resource(event).create();
            return true;
        } catch (KubernetesClientException e) {
            if (ApiReasons.isAlreadyThere(e)) {
                return true;
            }
            LOG.warn("could not write event {} \"{}\": {}", event.getReason(), event.getMessage(), e.getMessage());
            return !SwavJobReconciler.isOutage(e) && !ApiReasons.isConflict(e);
        }
    }

    private static Event event(SwavJob job, boolean warning, String reason, String message, String about, Instant now) {
        String time = now.truncatedTo(ChronoUnit.SECONDS).toString();
        String identity = String.join("\n", job.getMetadata().getUid(), reason, about);
        return new EventBuilder()
                .withNewMetadata()
                .withName(job.getMetadata().getName() + "."
                        + Fingerprints.digest(identity.getBytes(StandardCharsets.UTF_8)))
                .withNamespace(job.getMetadata().getNamespace())
                .endMetadata()
                .withType(warning ? "Warning" : "Normal")
                .withReason(reason)
                .withMessage(message)
                .withNewInvolvedObject()
                .withApiVersion(job.getApiVersion())
                .withKind(job.getKind())
                .withName(job.getMetadata().getName())
                .withNamespace(job.getMetadata().getNamespace())
                .withUid(job.getMetadata().getUid())
                .endInvolvedObject()
                .withNewSource(OwnerMetadata.FIELD_MANAGER, null)
                .withReportingComponent(OwnerMetadata.FIELD_MANAGER)
                .withFirstTimestamp(time)
                .withLastTimestamp(time)
                .withCount(1)
                .build();
    }
}
