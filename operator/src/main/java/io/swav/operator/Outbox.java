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
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
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

    private static final String PODS_GONE = "PodsGone";

    private static final Duration RECHECK = Duration.ofMillis(200);
    /** A watch shows the pods of one plan one after the other. */
    private static final Duration GATHERED = Duration.ofSeconds(2);

    private static final Duration WATCHED = Duration.ofSeconds(5);
    /** What an earlier operator asked for has come about by then, or never does. */
    private static final Duration SETTLED = Duration.ofSeconds(10);

    private static final Logger LOG = LoggerFactory.getLogger(Outbox.class);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /**
     * What an operator sees when it tells.
     *
     * @param pods of the job
     * @param created names of the pods whose creation the API server has just confirmed, which may have gone since
     * @param since when this operator first looked at the job: what it plans itself is not older
     */
    record Sight(Collection<ObservedPod> pods, Set<String> created, Instant since, Instant now) {
        private Predicate<String> reaches(Outcome outcome) {
            Map<String, ObservedPod> byName =
                    pods.stream().collect(Collectors.toMap(ObservedPod::name, pod -> pod, (first, second) -> second));
            return name ->
                    outcome.isReached(byName.get(name)) || (outcome == Outcome.CREATED && created.contains(name));
        }

        /** Whether a pod that is not there now will not come, or has been there. */
        private boolean isPast(Note note) {
            return mayBePast(note) && !now.isBefore(note.at().plus(SETTLED));
        }

        private boolean mayBePast(Note note) {
            return note.outcome() == Outcome.CREATED && isInherited(note);
        }

        private boolean isInherited(Note note) {
            return note.at().isBefore(since);
        }
    }

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

        private Optional<Note> of(List<String> some) {
            return some.isEmpty()
                    ? Optional.empty()
                    : Optional.of(new Note(time, warning, reason, text, about, outcome, some));
        }

        private Note gone() {
            String message = text + ": gone; deleted while no operator ran, or never created";
            return new Note(time, false, PODS_GONE, message, about, outcome, pods);
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

    /** Whether an earlier operator may have told some of this. */
    boolean isInherited(Sight sight) {
        return young(sight.now()).anyMatch(sight::isInherited);
    }

    /**
     * Returns the outbox without the pods of which an earlier operator has told. It may have told of all pods of a note, of
     * which some are gone, or of some of them.
     *
     * @param told of an inherited note's reason and a pod
     */
    Outbox without(BiPredicate<String, String> told, Sight sight) {
        return new Outbox(notes.stream()
                .flatMap(note -> note.pods().isEmpty() || !sight.isInherited(note)
                        ? Stream.of(note)
                        : note
                                .of(note.pods().stream()
                                        .filter(pod -> !told.test(note.reason(), pod))
                                        .toList())
                                .stream())
                .toList());
    }

    /** Returns the notes that are true now, with those pods alone of which they are. */
    List<Note> due(Sight sight) {
        return young(sight.now())
                .flatMap(note -> note.outcome() == null
                        ? Stream.of(note)
                        : Stream.concat(told(note, sight).stream(), gone(note, sight).stream()))
                .toList();
    }

    /** Returns the notes that are not true yet. */
    Outbox open(Sight sight) {
        return new Outbox(young(sight.now())
                .filter(note -> note.outcome() != null && !sight.isPast(note))
                .flatMap(note -> without(note, told(note, sight)).stream())
                .toList());
    }

    private Stream<Note> young(Instant now) {
        return notes.stream().filter(note -> !isOver(note.at(), now));
    }

    /** Whether a note of this time is not told any more. */
    static boolean isOver(Instant time, Instant now) {
        return !now.isBefore(time.plus(KEPT));
    }

    /** Returns the part of a note that is told; it is told as a whole if its pods do not take too long. */
    private static Optional<Note> told(Note note, Sight sight) {
        Predicate<String> reached = sight.reaches(Objects.requireNonNull(note.outcome()));
        boolean divides = !sight.now().isBefore(note.at().plus(GATHERED));
        return divides || note.pods().stream().allMatch(reached)
                ? note.of(note.pods().stream().filter(reached).toList())
                : Optional.empty();
    }

    /**
     * Returns what is told of pods that an earlier operator was to create and that do not exist. It may have ended before
     * it created them, or before it told that it had, and they went before its successor looked.
     */
    private static Optional<Note> gone(Note note, Sight sight) {
        return sight.isPast(note) ? without(note, told(note, sight)).map(Note::gone) : Optional.empty();
    }

    private static Optional<Note> without(Note note, Optional<Note> told) {
        Set<String> names = told.map(part -> Set.copyOf(part.pods())).orElse(Set.of());
        return note.of(
                note.pods().stream().filter(name -> !names.contains(name)).toList());
    }

    /** Returns an outbox with these notes as well; one that is there already keeps its time. */
    Outbox plus(Collection<Note> more) {
        Map<String, Note> all = new LinkedHashMap<>();
        Stream.concat(notes.stream(), more.stream()).forEach(note -> all.putIfAbsent(note.identity(), note));
        return new Outbox(List.copyOf(all.values()));
    }

    /** Returns when to look again at pods whose outcome has not been seen; they are young, or somebody keeps them. */
    Optional<Instant> recheckAt(Sight sight) {
        Stream<Instant> young = notes.stream()
                .filter(note -> sight.now().isBefore(note.at().plus(WATCHED)))
                .map(note -> sight.now().plus(RECHECK));
        Stream<Instant> inherited =
                notes.stream().filter(sight::mayBePast).map(note -> note.at().plus(SETTLED));
        return Stream.concat(young, inherited).filter(sight.now()::isBefore).min(Comparator.naturalOrder());
    }

    /** Whether one of these notes is not in this outbox. */
    boolean lacks(Collection<Note> others) {
        Set<String> identities = notes.stream().map(Note::identity).collect(Collectors.toSet());
        return others.stream().anyMatch(note -> !identities.contains(note.identity()));
    }
}
