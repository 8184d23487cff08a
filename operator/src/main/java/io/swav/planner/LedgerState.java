package io.swav.planner;

import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.TrainerReport;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Accounts for the cost of changes of the world. An incident is recorded when it is seen, together with the generation
 * that is published because of it. Its cost follows when that generation, or the next one that trains, has made its
 * first step and its trainers report what they lost. Incidents that share a pause each show its whole cost; the sums
 * count it once.
 *
 * @param secondsLost by {@link IncidentKind}
 * @param incidents the last {@value #KEPT}
 * @param pace null before the first step
 */
public record LedgerState(
        Counts counts,
        long stepsLost,
        SortedMap<String, Double> secondsLost,
        List<Incident> incidents,
        @Nullable GenerationBaseline pace) {

    static final int KEPT = 20;

    public static final LedgerState EMPTY =
            new LedgerState(new Counts(0, 0, 0, 0), 0, new TreeMap<>(), List.of(), null);

    /**
     * The number of incidents of each kind.
     * @param resizes worlds for training that were published after the first
     * @param divergences replicas of the state that differed
     */
    public record Counts(long resizes, long preemptions, long failures, long hangs, long divergences) {
        public Counts(long resizes, long preemptions, long failures, long hangs) {
            this(resizes, preemptions, failures, hangs, 0);
        }
    }

    /**
     * The start of the last generation that trained, which is the last one whose cost is known.
     *
     * @param start global steps applied when it began
     * @param keptSeconds in steps of earlier generations that were kept
     * @param stepSeconds of one of its steps
     * @param firstStep when the first step of the job began
     */
    public record GenerationBaseline(
            long generation, long start, double keptSeconds, double stepSeconds, Instant firstStep) {}

    /**
     * A generation that has made steps, as its trainers report it.
     *
     * @param start global steps applied when it began
     * @param pauseSeconds as its survivors report it; empty if all members are new
     * @param droppedSteps that no survivor had finished
     * @param keptSteps in it so far, at least 1
     * @param keptSeconds in them
     */
    record GenerationStart(
            long generation,
            long start,
            Optional<Double> pauseSeconds,
            long droppedSteps,
            long keptSteps,
            double keptSeconds) {

        /**
         * Combines the reports of a generation's trainers.
         * @param reports of trainers that have made steps in it
         */
        static GenerationStart of(long generation, List<LivenessSignals> reports) {
            long start = 0;
            Optional<Double> pause = Optional.empty();
            long dropped = Long.MAX_VALUE;
            long steps = 0;
            double seconds = 0;
            for (LivenessSignals signals : reports) {
                TrainerReport.Regroup regroup = signals.regroup().orElseThrow();
                start = Math.max(start, signals.step() - regroup.keptSteps());
                Double own = regroup.pauseSeconds();
                if (own != null) {
                    pause = Optional.of(Math.max(own, pause.orElse(0.0)));
                    dropped = Math.min(
                            dropped, regroup.droppedSteps()); // a step that one trainer has finished is not lost
                }
                if (regroup.keptSteps() > steps) {
                    steps = regroup.keptSteps();
                    seconds = regroup.keptSeconds();
                }
            }
            return new GenerationStart(generation, start, pause, pause.isEmpty() ? 0 : dropped, steps, seconds);
        }

        double stepSeconds() {
            return keptSeconds / keptSteps;
        }
    }

    public LedgerState {
        secondsLost = new TreeMap<>(secondsLost);
        incidents = List.copyOf(incidents);
    }

    /** Returns the last generation whose cost is known, 0 for none. */
    public long settled() {
        return pace == null ? 0 : pace.generation();
    }

    LedgerState with(Incident incident) {
        IncidentKind kind = incident.kind();
        Counts more = new Counts(
                counts.resizes(),
                counts.preemptions() + (kind == IncidentKind.Preemption || kind == IncidentKind.Unreachable ? 1 : 0),
                counts.failures() + (kind == IncidentKind.Failure ? 1 : 0),
                counts.hangs() + (kind == IncidentKind.Hang ? 1 : 0),
                counts.divergences() + (kind == IncidentKind.Diverged ? 1 : 0));
        return new LedgerState(more, stepsLost, secondsLost, recalling(incident).incidents(), pace);
    }

    /**
     * Takes a preemption back, because the pod did not leave. What the change of the world cost stays with its incident,
     * which becomes one of kind Resize.
     */
    LedgerState withdrawn(String pod) {
        return new LedgerState(
                withoutOnePreemption(),
                stepsLost,
                secondsLost,
                incidents.stream()
                        .map(incident -> isPreemption(incident, pod) ? incident.withdrawn() : incident)
                        .toList(),
                pace);
    }

    /** Takes a preemption back, because it was something else. */
    LedgerState withoutPreemption(String pod) {
        return new LedgerState(
                withoutOnePreemption(),
                stepsLost,
                secondsLost,
                incidents.stream()
                        .filter(incident -> !isPreemption(incident, pod))
                        .toList(),
                pace);
    }

    private static boolean isPreemption(Incident incident, String pod) {
        return incident.kind() == IncidentKind.Preemption && incident.pod().equals(pod);
    }

    private Counts withoutOnePreemption() {
        return new Counts(
                counts.resizes(),
                Math.max(0, counts.preemptions() - 1),
                counts.failures(),
                counts.hangs(),
                counts.divergences());
    }

    /** Lists an incident that was counted before, as the last one. */
    LedgerState recalling(Incident incident) {
        List<Incident> all = new ArrayList<>(incidents);
        all.add(incident);
        return withIncidents(all.subList(Math.max(0, all.size() - KEPT), all.size()));
    }

    /** Records an incident whose cost is known, in the world that is present. */
    LedgerState withCost(Incident incident) {
        LedgerState after = with(incident);
        double seconds = Objects.requireNonNullElse(incident.secondsPaused(), 0.0);
        SortedMap<String, Double> lost = new TreeMap<>(secondsLost);
        lost.merge(incident.kind().name(), seconds, (one, other) -> rounded(one + other));
        long steps = Objects.requireNonNullElse(incident.stepsLost(), 0L);
        return new LedgerState(counts, stepsLost + steps, lost, after.incidents(), pace);
    }

    /** Replaces an incident, if it is one of the last, with what is known of it now. */
    LedgerState replacing(Incident before, Incident after) {
        return withIncidents(incidents.stream()
                .map(incident -> incident.equals(before) ? after : incident)
                .toList());
    }

    /** Returns how long these steps take at the present pace; empty before the first step. */
    Optional<Double> secondsOf(long steps) {
        return Optional.ofNullable(pace).map(known -> rounded(steps * known.stepSeconds()));
    }

    /** Records that this generation was published because of these incidents. */
    LedgerState followedBy(long generation, List<Incident> because) {
        return withIncidents(incidents.stream()
                .map(incident -> because.contains(incident)
                        ? priced(incident, generation, incident.stepsLost(), incident.secondsPaused())
                        : incident)
                .toList());
    }

    LedgerState resized() {
        Counts more = new Counts(
                counts.resizes() + 1, counts.preemptions(), counts.failures(), counts.hangs(), counts.divergences());
        return new LedgerState(more, stepsLost, secondsLost, incidents, pace);
    }

    /** Records the length of a step; the last report of a generation gives it best. */
    LedgerState paced(double stepSeconds) {
        return pace == null
                ? this
                : withPace(new GenerationBaseline(
                        pace.generation(), pace.start(), pace.keptSeconds(), stepSeconds, pace.firstStep()));
    }

    /** Records the cost of getting from the last generation that trained to this one. */
    LedgerState settle(GenerationStart started, Instant now) {
        List<Incident> open =
                incidents.stream().filter(incident -> isOpen(incident, started)).toList();
        if (pace == null) {
            Instant first = now.minusMillis(Math.round(1000 * started.keptSeconds()));
            return withIncidents(priced(started, 0, 0))
                    .withPace(new GenerationBaseline(
                            started.generation(), started.start(), 0, started.stepSeconds(), first));
        }
        long reached = open.stream()
                .mapToLong(incident -> incident.step() == null ? 0 : incident.step())
                .max()
                .orElse(0);
        long steps = Math.max(started.droppedSteps(), reached - started.start());
        double seconds = rounded(started.pauseSeconds().orElseGet(() -> sinceFirst(open, started, now)));
        SortedMap<String, Double> lost = new TreeMap<>(secondsLost);
        lost.merge(cause(open).name(), seconds, (one, other) -> rounded(one + other));
        long since = started.start() - pace.start(); // negative if an earlier checkpoint was resumed
        double kept = since >= 0
                ? pace.keptSeconds() + since * pace.stepSeconds()
                : pace.keptSeconds() * started.start() / pace.start();
        return new LedgerState(
                counts,
                stepsLost + steps,
                lost,
                priced(started, steps, seconds),
                new GenerationBaseline(
                        started.generation(), started.start(), kept, started.stepSeconds(), pace.firstStep()));
    }

    /** Describes the cost that this ledger has settled beyond an earlier one; empty if no incident caused it. */
    Optional<String> resumeMessage(LedgerState before) {
        return incidents.stream()
                .filter(incident -> pace != null && before.pace() != null && incident.secondsPaused() != null)
                .filter(incident -> incident.generation() != null && incident.generation() > before.settled())
                .max(Comparator.comparing(Incident::kind))
                .map(incident -> "Generation " + settled() + " is training: "
                        + incident.stepsLost() + (Objects.equals(incident.stepsLost(), 1L) ? " step" : " steps")
                        + " lost, " + incident.secondsPaused() + " s without training (" + cause(incident) + ")");
    }

    /** Returns what caused a change of the world; for settings, the step from which on they hold. */
    private String cause(Incident incident) {
        return incident.kind() == IncidentKind.Settings
                ? incident.reason() + " from step " + (pace == null ? 0 : pace.start()) + " on"
                : incident.kind() + " of " + incident.pod();
    }

    /**
     * Returns the share of the time since the first step began that went into steps that were kept; empty before that
     * step.
     *
     * @param keptSince seconds in steps of the last generation that trained
     */
    public Optional<Double> goodput(double keptSince, Instant now) {
        if (pace == null) {
            return Optional.empty();
        }
        double elapsed = Duration.between(pace.firstStep(), now).toMillis() / 1000.0;
        return elapsed <= 0 ? Optional.empty() : Optional.of(Math.min(1, (pace.keptSeconds() + keptSince) / elapsed));
    }

    private boolean isOpen(Incident incident, GenerationStart started) {
        Long followed = incident.generation();
        return followed != null && followed > settled() && followed <= started.generation();
    }

    private static IncidentKind cause(List<Incident> open) {
        return open.stream().map(Incident::kind).max(Comparator.naturalOrder()).orElse(IncidentKind.Resize);
    }

    /** If all members are new, no survivor knows how long the pause was: it began with the first incident. */
    private static double sinceFirst(List<Incident> open, GenerationStart started, Instant now) {
        return open.stream()
                .map(incident -> Instant.parse(incident.time()))
                .min(Comparator.naturalOrder())
                .map(first -> Math.max(0, Duration.between(first, now).toMillis() / 1000.0 - started.keptSeconds()))
                .orElse(0.0);
    }

    private List<Incident> priced(GenerationStart started, long steps, double seconds) {
        return incidents.stream()
                .map(incident ->
                        isOpen(incident, started) ? priced(incident, incident.generation(), steps, seconds) : incident)
                .toList();
    }

    private static Incident priced(
            Incident incident, @Nullable Long generation, @Nullable Long steps, @Nullable Double seconds) {
        return new Incident(
                incident.time(),
                incident.kind(),
                incident.pod(),
                incident.reason(),
                incident.step(),
                generation,
                steps,
                seconds);
    }

    private LedgerState withIncidents(List<Incident> all) {
        return new LedgerState(counts, stepsLost, secondsLost, all, pace);
    }

    private LedgerState withPace(GenerationBaseline now) {
        return new LedgerState(counts, stepsLost, secondsLost, incidents, now);
    }

    private static double rounded(double seconds) {
        return Math.round(1000 * seconds) / 1000.0;
    }
}
