package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Holds what counts towards recovery.maxFailures: events in a window of time, not pods over the life of the job. Steps
 * that were not finite are counted beside them, because no pod fails with the first of them.
 *
 * @param counted when failures and hangs happened, oldest first
 * @param events the last events, oldest first, which more pods may join
 * @param notFinite steps that were not finite
 * @param lastNotFinite the last of them; null if there was none
 */
public record Failures(
        List<Counted> counted,
        List<FailureEvent> events,
        long notFinite,
        @Nullable NotFiniteStep lastNotFinite) {

    public static final Failures NONE = new Failures(List.of(), List.of(), 0, null);

    /** The number of entries kept; the oldest are merged, so that what is stored stays small whatever the limit. */
    static final int KEPT = 200;

    private static final int EVENTS_KEPT = 8;

    /** A failure this long after the one before is a single one, not the next of a series. */
    static final Duration CALM = Duration.ofMinutes(15);

    private static final Duration FIRST_DELAY = Duration.ofSeconds(1);
    private static final Duration LONGEST_DELAY = Duration.ofMinutes(5);

    /** @param count failures, at this time or shortly before */
    public record Counted(Instant time, int count) {}

    /** The identity of a step that was not finite, see {@link TrainerReport.NotFinite}. */
    public record NotFiniteStep(long generation, int number) {}

    public Failures {
        counted = List.copyOf(counted);
        events = List.copyOf(events);
    }

    /** Returns the failures of a state that was stored without them: those of which an incident is left. */
    public static Failures ofEarlierVersion(List<Incident> incidents) {
        List<Counted> counted = incidents.stream()
                .filter(incident -> incident.kind() == IncidentKind.Failure || incident.kind() == IncidentKind.Hang)
                .flatMap(incident -> time(incident).stream())
                .map(time -> new Counted(time, 1))
                .toList();
        return counted.isEmpty() ? NONE : new Failures(counted, List.of(), 0, null);
    }

    private static Optional<Instant> time(Incident incident) {
        try {
            return Optional.of(Instant.parse(incident.time()));
        } catch (DateTimeParseException unreadable) {
            return Optional.empty();
        }
    }

    /** Returns the number of failures in the window of time that ends now. */
    public long within(Duration window, Instant now) {
        Instant start = now.minus(window);
        return counted.stream()
                .filter(failure -> failure.time().isAfter(start))
                .mapToLong(Counted::count)
                .sum();
    }

    /** Returns the event that this one belongs to, if it is one of the last. */
    Optional<FailureEvent> eventOf(FailureEvent begun, Instant created) {
        return events.stream().filter(event -> event.includes(begun, created)).findFirst();
    }

    /** Returns how many pods failed for which no other is created yet. */
    int heldBack(Instant now) {
        return events.stream()
                .filter(event -> now.isBefore(replacedAt(event)))
                .mapToInt(FailureEvent::pods)
                .sum();
    }

    /** Returns when the next of those pods may be replaced. */
    Optional<Instant> nextReplacement(Instant now) {
        return events.stream().map(Failures::replacedAt).filter(now::isBefore).min(Comparator.naturalOrder());
    }

    /**
     * Returns when the pods of an event are replaced: at once after a single failure; in a series of them after 2 s, 4 s and so
     * on, up to five minutes, as a kubelet restarts containers. A pod that fails soon after it has joined costs its peers a
     * change of the world each time.
     */
    private static Instant replacedAt(FailureEvent event) {
        if (event.number() < 2) {
            return event.last();
        }
        Duration delay = FIRST_DELAY.multipliedBy(1L << Math.min(event.number() - 1, 20));
        return event.last().plus(delay.compareTo(LONGEST_DELAY) < 0 ? delay : LONGEST_DELAY);
    }

    /**
     * Returns the place of an event in a series: it is the next if its pod was created since the last failure, so that a
     * successor failed, and if that is not long ago.
     */
    private int number(FailureEvent event, Instant created) {
        if (events.isEmpty()) {
            return 1;
        }
        FailureEvent last = events.get(events.size() - 1);
        boolean follows = created.isAfter(last.first())
                && event.first().isBefore(last.last().plus(CALM));
        return follows ? last.number() + 1 : 1;
    }

    /**
     * Records an event; it counts as one failure.
     *
     * @param created when its pod was created
     */
    Failures with(FailureEvent event, Instant created) {
        return new Failures(
                plus(event.first()), last(events, event.numbered(number(event, created))), notFinite, lastNotFinite);
    }

    /** Records that another pod belongs to an event. */
    Failures replacing(FailureEvent before, FailureEvent after) {
        List<FailureEvent> all = new ArrayList<>(events);
        all.set(all.indexOf(before), after);
        return new Failures(counted, all, notFinite, lastNotFinite);
    }

    /** Returns how many steps were not finite since the last that was recorded. */
    int unseen(TrainerReport.NotFinite reported) {
        NotFiniteStep last = lastNotFinite;
        if (last == null || reported.generation() > last.generation()) {
            return reported.number();
        }
        return reported.generation() == last.generation() ? Math.max(0, reported.number() - last.number()) : 0;
    }

    Failures with(TrainerReport.NotFinite reported) {
        return new Failures(
                counted,
                events,
                notFinite + unseen(reported),
                new NotFiniteStep(reported.generation(), reported.number()));
    }

    private List<Counted> plus(Instant time) {
        List<Counted> all = new ArrayList<>(counted);
        all.add(new Counted(time, 1));
        if (all.size() > KEPT) {
            Counted oldest = all.remove(0);
            Counted next = all.get(0);
            all.set(0, new Counted(next.time(), oldest.count() + next.count()));
        }
        return all;
    }

    private static List<FailureEvent> last(List<FailureEvent> before, FailureEvent event) {
        List<FailureEvent> all = new ArrayList<>(before);
        all.add(event);
        return all.subList(Math.max(0, all.size() - EVENTS_KEPT), all.size());
    }
}
