package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.planner.Names;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodObject;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds the Events that the plans of a job owe to people. It is stored with the world, before a plan is carried out, so
 * that what an operator began is told also if it ends, or if the API server's answer is lost.
 *
 * @param notes the oldest first
 */
record Outbox(List<Note> notes) {
    static final Outbox EMPTY = new Outbox(List.of());

    /** An operator is replaced within this time, so that its successor tells nothing that is older. */
    static final Duration KEPT = Duration.ofMinutes(5);

    private static final Duration RECHECK = Duration.ofMillis(200);
    /** A watch shows the pods of one plan one after the other. */
    private static final Duration GATHERED = Duration.ofSeconds(2);

    private static final Duration WATCHED = Duration.ofSeconds(5);

    private static final Logger LOG = LoggerFactory.getLogger(Outbox.class);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /** What has to be seen of a note's pods before it is told. */
    enum Outcome {
        CREATED,
        DELETED,
        KILLED;

        private boolean isReached(@Nullable ObservedPod pod) {
            return switch (this) {
                case CREATED -> pod != null;
                case DELETED -> pod == null || pod.state() instanceof Terminating;
                case KILLED -> pod == null || pod.object().deletion() == PodObject.Deletion.FORCED;
            };
        }
    }

    /**
     * What an Event will tell.
     *
     * @param time ISO 8601, of the plan
     * @param text the Event's message; where there are pods, what follows their names
     * @param about two Events of a job with the same reason, this, and the same pods are the same
     * @param outcome null if the Event tells what was published, which is true at once
     * @param pods names; a number is never given to a second pod
     */
    @JsonInclude(JsonInclude.Include.NON_EMPTY)
    record Note(
            String time,
            boolean warning,
            String reason,
            String text,
            String about,
            @Nullable Outcome outcome,
            List<String> pods) {
        Note {
            Objects.requireNonNull(reason);
            Objects.requireNonNull(text);
            // left out where empty
            about = Objects.requireNonNullElse(about, "");
            pods = List.copyOf(Objects.requireNonNullElse(pods, List.of()));
        }

        Note(Instant time, boolean warning, String reason, String text, String about) {
            this(time.toString(), warning, reason, text, about, null, List.of());
        }

        Instant at() {
            return Instant.parse(time);
        }

        private Note of(List<String> some) {
            return new Note(time, warning, reason, text, about, outcome, some);
        }

        /** Returns a note about pods, which is told for those that have reached the outcome. */
        static Note ofPods(
                Instant time, boolean warning, String reason, List<String> pods, String text, Outcome outcome) {
            return new Note(time.toString(), warning, reason, text, "", outcome, pods);
        }

        /** Returns what makes two Events of a job the same. */
        String identity() {
            return String.join("\n", reason, about, String.join(" ", pods));
        }

        String message() {
            return pods.isEmpty() ? text : Names.of(pods) + " " + text;
        }
    }

    Outbox {
        notes = List.copyOf(notes);
    }

    /** Reads what is stored; what cannot be read owes nothing. */
    static Outbox read(String stored) {
        if (stored.isEmpty()) {
            return EMPTY;
        }
        try {
            List<Note> notes = JSON.readValue(stored, new TypeReference<List<Note>>() {});
            notes.forEach(Note::at);
            return new Outbox(notes);
        } catch (JsonProcessingException | RuntimeException e) { // edited by somebody
            LOG.warn("the Events that were still to be written cannot be read, and are not written: {}", e.toString());
            return EMPTY;
        }
    }

    /** Returns the JSON to store, empty for no notes. */
    String stored() {
        try {
            return notes.isEmpty() ? "" : JSON.writeValueAsString(notes);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the notes that are true of these pods of the job, with those pods alone of which they are. */
    List<Note> due(Collection<ObservedPod> pods, Instant now) {
        Map<String, ObservedPod> byName = byName(pods);
        return young(now)
                .flatMap(note -> note.outcome() == null ? Stream.of(note) : part(note, byName, true, now).stream())
                .toList();
    }

    /** Returns the notes that are not true yet. */
    Outbox open(Collection<ObservedPod> pods, Instant now) {
        Map<String, ObservedPod> byName = byName(pods);
        return new Outbox(young(now)
                .filter(note -> note.outcome() != null)
                .flatMap(note -> part(note, byName, false, now).stream())
                .toList());
    }

    private Stream<Note> young(Instant now) {
        return notes.stream().filter(note -> !isOver(note.at(), now));
    }

    /** Whether a note of this time is not told any more. */
    static boolean isOver(Instant time, Instant now) {
        return !now.isBefore(time.plus(KEPT));
    }

    /** Returns the part of a note that is told, or the other one; it is told as a whole if its pods do not take too long. */
    private static Optional<Note> part(Note note, Map<String, ObservedPod> pods, boolean told, Instant now) {
        Outcome outcome = Objects.requireNonNull(note.outcome());
        boolean divides = !now.isBefore(note.at().plus(GATHERED))
                || note.pods().stream().allMatch(name -> outcome.isReached(pods.get(name)));
        List<String> some = note.pods().stream()
                .filter(name -> (divides && outcome.isReached(pods.get(name))) == told)
                .toList();
        return some.isEmpty() ? Optional.empty() : Optional.of(note.of(some));
    }

    private static Map<String, ObservedPod> byName(Collection<ObservedPod> pods) {
        return pods.stream().collect(Collectors.toMap(ObservedPod::name, pod -> pod, (first, second) -> second));
    }

    /** Returns an outbox with these notes as well; one that is there already keeps its time. */
    Outbox plus(Collection<Note> more) {
        Map<String, Note> all = new LinkedHashMap<>();
        Stream.concat(notes.stream(), more.stream()).forEach(note -> all.putIfAbsent(note.identity(), note));
        return new Outbox(List.copyOf(all.values()));
    }

    /** Returns when to look again at pods whose outcome has not been seen; they are young, or somebody keeps them. */
    Optional<Instant> recheckAt(Instant now) {
        return notes.stream().anyMatch(note -> now.isBefore(note.at().plus(WATCHED)))
                ? Optional.of(now.plus(RECHECK))
                : Optional.empty();
    }

    /** Whether one of these notes is not in this outbox. */
    boolean lacks(Collection<Note> others) {
        Set<String> identities = notes.stream().map(Note::identity).collect(Collectors.toSet());
        return others.stream().anyMatch(note -> !identities.contains(note.identity()));
    }
}
