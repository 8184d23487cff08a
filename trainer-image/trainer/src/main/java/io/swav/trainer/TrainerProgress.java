package io.swav.trainer;

import io.swav.api.DataInventory;
import io.swav.api.Fingerprints;
import io.swav.api.ReachReport;
import io.swav.api.ReportRules;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.learning.LearningFinding;
import io.swav.learning.LearningMonitor;
import io.swav.membership.SingleProcessWorldSource;
import io.swav.membership.WorldSource;
import io.swav.model.StepResult;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * This trainer's current state, as the next report will describe it; written by the training thread, read by the
 * reporter.
 */
public final class TrainerProgress {
    /** A rate is measured over at least this time. */
    private static final long RATE_NANOS = ReportTurns.PERIOD.toNanos();

    private final String pod;
    private final String uid;
    private final WorldSource worlds;
    private Runnable changed = () -> {};
    private State state = State.Starting;
    private boolean leaving;
    private @Nullable String address;
    private long generation;
    private long step;
    private @Nullable TrainingSchedule schedule;
    private long skipped;
    private @Nullable StepResult outcome;
    private @Nullable String message;
    private int globalBatch;
    private int wanted = 1;
    private long rateStep = -1;
    private long rateSince;
    private @Nullable Double rate;
    private @Nullable String lostPeer;
    private @Nullable String collective;
    private @Nullable Double knnTop1;
    private Optional<LearningMonitor> learning = Optional.empty();
    private TrainerReport.@Nullable Checkpoints checkpoints;
    private @Nullable Supplier<ReachReport> reach;
    private TrainerReport.@Nullable NotFinite notFinite;
    private Fingerprints fingerprints = Fingerprints.NONE;
    private @Nullable DataInventory data;
    private TrainerReport.@Nullable Divergence diverged;
    private final PeerWaitTracker awaiting = new PeerWaitTracker();
    private final RegroupTimer regroupTimer = new RegroupTimer();

    public TrainerProgress(String pod, String uid) {
        this(pod, uid, new SingleProcessWorldSource(pod, uid));
    }

    /** @param worlds the world document that this trainer follows, and what it may leave out of its reports */
    TrainerProgress(String pod, String uid, WorldSource worlds) {
        this.pod = pod;
        this.uid = uid;
        this.worlds = worlds;
    }

    /** Sets the listener that is called, outside the lock, on every change that must be reported at once. */
    synchronized void onChange(Runnable listener) {
        changed = listener;
    }

    /** Sets the source of what this trainer knows about reaching others. */
    synchronized void reach(Supplier<ReachReport> source) {
        reach = source;
    }

    /** Marks that what the source of {@link #reach} returns must be reported at once. */
    void reachChanged() {
        Runnable notifier;
        synchronized (this) {
            notifier = changed;
        }
        notifier.run();
    }

    /**
     * Sets how long the job trains, which is reported as it is at that time.
     *
     * @param replicas of the job
     */
    synchronized void job(int batch, int replicas, TrainingSchedule of) {
        globalBatch = batch;
        wanted = replicas;
        schedule = of;
    }

    /** Sets what knows whether the network learns. */
    synchronized void learning(LearningMonitor monitor) {
        learning = Optional.of(monitor);
    }

    synchronized void listening(String at) {
        address = at;
    }

    void state(State to, long inGeneration, @Nullable String why) {
        Runnable notifier;
        synchronized (this) {
            boolean same = state == to && generation == inGeneration && Objects.equals(message, why);
            if (to == State.Done) {
                measureRate(System.nanoTime(), 0); // for a job that ends before its first report
            }
            state = to;
            generation = inGeneration;
            message = why;
            if (to != State.Training) {
                rateStep = -1;
            }
            notifier = same ? () -> {} : changed;
        }
        notifier.run();
    }

    /** Sets what this trainer trains with; it must be known before the trainer is Ready. */
    synchronized void fingerprints(Fingerprints of) {
        fingerprints = of;
    }

    /** Sets what this trainer found at data.uri. */
    synchronized void data(DataInventory found) {
        data = found;
    }

    synchronized Fingerprints fingerprints() {
        return fingerprints;
    }

    /** Reports that replicas of the state differed in the world that forms now. */
    synchronized void diverged(TrainerReport.Divergence what) {
        diverged = what.after(diverged);
    }

    /** Returns the tracker that wraps operations which wait for peers. */
    PeerWaitTracker awaiting() {
        return awaiting;
    }

    /** Marks the start of forming a world. */
    synchronized void entering() {
        regroupTimer.entering(System.nanoTime());
    }

    /** Marks that no peer waits for this trainer, however long it takes. */
    synchronized void outside() {
        regroupTimer.outside();
    }

    /**
     * Marks that a world has formed.
     *
     * @param over the library that carries the new world's collectives
     */
    synchronized void formed(long inGeneration, long atStep, String over) {
        step = atStep;
        collective = over;
        lostPeer = null;
        regroupTimer.formed(inGeneration);
    }

    /**
     * Marks that a world broke.
     *
     * @param peer uid of the member whose connection failed, or null
     * @return whether a step was lost with it
     */
    synchronized boolean broke(@Nullable String peer) {
        lostPeer = peer;
        return regroupTimer.broke();
    }

    /** Marks that this many of the last steps were undone: training was resumed from a checkpoint. */
    synchronized void rewound(long steps) {
        regroupTimer.rewound(steps);
        rateStep = -1;
    }

    /**
     * Records a step that was not finite.
     *
     * @param atStep global steps applied when it was begun
     * @param resumedFrom step of the checkpoint that training was resumed from; null if it continued without one
     * @param inPod whose part of the batch it was found in
     * @param what what was found and done
     */
    void notFinite(long inGeneration, long atStep, @Nullable Long resumedFrom, String inPod, String what) {
        Runnable notifier;
        synchronized (this) {
            TrainerReport.NotFinite before = notFinite;
            int number = before == null || before.generation() != inGeneration ? 1 : before.number() + 1;
            notFinite = new TrainerReport.NotFinite(inGeneration, number, atStep, resumedFrom, inPod, what);
            notifier = changed;
        }
        notifier.run();
    }

    synchronized void began() {
        regroupTimer.began(System.nanoTime());
    }

    synchronized void checkpoints(TrainerReport.Checkpoints of) {
        checkpoints = of;
    }

    /**
     * Records the finished model's kNN top-1 accuracy.
     *
     * @param percent of the finished model
     */
    synchronized void knn(double percent) {
        knnTop1 = percent;
    }

    synchronized void step(long applied, StepResult of, long skippedSamples) {
        regroupTimer.applied(System.nanoTime());
        step = applied;
        outcome = of;
        skipped = skippedSamples;
        if (rateStep < 0) {
            rateStep = applied;
            rateSince = System.nanoTime();
        }
    }

    synchronized long step() {
        return step;
    }

    /** Marks that SIGTERM was received: reports say Leaving from now on, whatever this trainer still does. */
    void leaving() {
        Runnable notifier;
        synchronized (this) {
            leaving = true;
            notifier = changed;
        }
        notifier.run();
    }

    synchronized State state() {
        return state;
    }

    synchronized long generation() {
        return generation;
    }

    /** Returns this trainer's place among those that report; that of one without others if each must report everything. */
    synchronized ReportTurns.Place place() {
        if (worlds.reportRules().isEmpty()) {
            return ReportTurns.Place.ALONE;
        }
        World world = worlds.newest();
        int rank = world.rankOf(uid).orElse(-1);
        return new ReportTurns.Place(rank, rank < 0 ? Math.max(wanted, world.size()) : world.size());
    }

    synchronized TrainerReport report() {
        Optional<ReportRules> rules = worlds.reportRules();
        OptionalLong backSince = awaiting.backSince();
        long now = System.nanoTime();
        measureRate(now, RATE_NANOS);
        return new TrainerReport(
                pod,
                uid,
                leaving && state != State.Done && !state.isFailure() ? State.Leaving : state,
                address,
                generation,
                step,
                schedule == null ? 0 : schedule.steps(),
                schedule == null ? 0 : (int) schedule.epochAt(step),
                finite(outcome == null ? null : outcome.loss()),
                rate,
                knnTop1,
                skipped,
                message,
                lostPeer,
                backSince.isEmpty(),
                regroupTimer.stalledSeconds(now, backSince),
                regroupTimer.regroup(),
                checkpoints,
                collective,
                worlds.problem().orElse(null),
                reach == null ? ReachReport.NONE : reach.get(),
                notFinite,
                reportedFingerprints(rules),
                diverged,
                schedule == null ? null : schedule.course().epochs().last(),
                generation == 0 || place().rank() == 0 ? data : null,
                regroupTimer.heardAll(now),
                ReportTurns.nextWithin(place().trainers()),
                learning.flatMap(LearningMonitor::figures).orElse(null),
                learning.flatMap(LearningMonitor::findings)
                        .map(TrainerProgress::diagnosed)
                        .orElse(null),
                Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
    }

    private static List<TrainerReport.Diagnosed> diagnosed(List<LearningFinding> findings) {
        return findings.stream()
                .map(finding -> new TrainerReport.Diagnosed(finding.what().name(), finding.why()))
                .toList();
    }

    /** Members leave out their settings, and so does a trainer whose settings the operator has. */
    private @Nullable Fingerprints reportedFingerprints(Optional<ReportRules> rules) {
        if (fingerprints.equals(Fingerprints.NONE)) {
            return null;
        }
        boolean known = rules.filter(rule -> rule.config().equals(fingerprints.config()))
                .isPresent();
        return generation == 0 && !known ? fingerprints : fingerprints.withSettings(new TreeMap<>());
    }

    private void measureRate(long now, long least) {
        if (rateStep >= 0 && step > rateStep && now - rateSince >= least) {
            rate = (step - rateStep) * (double) globalBatch * 1e9 / (now - rateSince);
            rateStep = step;
            rateSince = now;
        }
    }

    /** Maps a value that JSON cannot hold, NaN or infinity, to null. */
    private static @Nullable Double finite(@Nullable Double value) {
        return value == null || value.isNaN() || value.isInfinite() ? null : value;
    }
}
