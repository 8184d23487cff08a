package io.swav.learning;

import io.swav.api.Diagnosis;
import io.swav.api.LearningFigures;
import io.swav.model.StepHealth;
import io.swav.model.StepResult;
import java.util.Collection;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Makes a job's history out of its steps, and lets the doctor read it. Every rank does, from the same results, so that the
 * next rank 0 has the history when one is lost. Only the training thread adds steps; others read.
 */
public final class LearningMonitor {
    /** The records of a run, if its length does not change. */
    private static final int RECORDS = 1000;

    /**
     * A step that was applied.
     *
     * @param applied global steps, this one included
     * @param waited nanoseconds for which this rank waited for images
     * @param nanos now, of a clock that does not jump
     * @param time milliseconds since 1970
     */
    public record Step(
            long applied,
            long epoch,
            double learningRate,
            StepResult result,
            int world,
            long waited,
            long nanos,
            long time) {}

    private final LongFunction<LearningContext> job;
    private final LearningHistory history = new LearningHistory();
    private final DeadPrototypes dead;
    private final double chance;
    private final int crops;
    private OptionalDouble deadShare = OptionalDouble.empty();
    private OptionalDouble featureRank = OptionalDouble.empty();
    private @Nullable Double knn;
    private @Nullable Double wait;
    private long since = -1;
    private long sinceStep;
    private long waited;
    private Optional<StepHealth> health = Optional.empty();
    private Optional<List<LearningFinding>> findings = Optional.empty();

    /**
     * @param job its context by the number of its steps, which may change
     * @param steps of the job at present
     */
    public LearningMonitor(LongFunction<LearningContext> job, long steps) {
        this.job = job;
        LearningContext now = job.apply(Math.max(1, steps));
        this.chance = now.chance();
        this.crops = now.batch();
        this.dead = new DeadPrototypes(now.prototypes(), now.crops());
    }

    /** Returns ln K, the loss of a network that tells no images apart. */
    public double chance() {
        return chance;
    }

    /** Begins or continues at this step: what was recorded after it is made again. */
    public synchronized void continuesAt(long step) {
        history.rewind(step);
        since = -1;
    }

    /** Adds records of an earlier process, up to this step. */
    public synchronized void merge(Collection<HistoryRecord> earlier, long upTo) {
        history.merge(earlier.stream().filter(one -> one.step() <= upTo).toList());
    }

    /** Adds the kNN figure to the next record. */
    public synchronized void knn(double percent) {
        knn = percent;
    }

    /**
     * Adds a step.
     *
     * @param steps of the whole job
     * @return whether there is a new record
     */
    public synchronized boolean step(Step step, long steps) {
        health = step.result().health();
        health.ifPresent(of -> {
            OptionalDouble share = dead.add(step.applied() - 1, of.chosen());
            deadShare = share.isPresent() ? share : deadShare;
            featureRank = of.featureRank().isPresent() ? of.featureRank() : featureRank;
        });
        if (since < 0) {
            since = step.nanos();
            sinceStep = step.applied();
            waited = 0;
        } else {
            waited += step.waited();
        }
        if (step.applied() % Math.max(1, (steps + RECORDS - 1) / RECORDS) != 0 && step.applied() != steps) {
            return false;
        }
        LearningContext context = job.apply(steps);
        history.add(record(step, context));
        Set<Diagnosis> before = EnumSet.noneOf(Diagnosis.class);
        findings.ifPresent(all -> all.forEach(one -> before.add(one.what())));
        findings = LearningDoctor.examine(context, history.records(), before);
        return true;
    }

    private HistoryRecord record(Step step, LearningContext context) {
        double seconds = (step.nanos() - since) / 1e9;
        @Nullable Double rate = seconds > 0 ? round((step.applied() - sinceStep) * crops / seconds) : null;
        wait = seconds > 0 ? round(Math.min(1, waited / 1e9 / seconds)) : null;
        HistoryRecord made = new HistoryRecord(
                step.applied(),
                step.epoch(),
                round(step.result().loss()),
                round(step.learningRate()),
                step.applied() <= context.frozenSteps(),
                health.map(of -> round(of.spread())).orElse(null),
                health.map(of -> round(of.perplexity())).orElse(null),
                health.map(of -> round(of.entropy())).orElse(null),
                rounded(deadShare),
                rounded(featureRank),
                health.map(of -> round(of.gradientNorm())).orElse(null),
                rate,
                wait,
                knn,
                step.world(),
                step.time());
        since = step.nanos();
        sinceStep = step.applied();
        waited = 0;
        featureRank = OptionalDouble.empty();
        knn = null;
        return made;
    }

    /** Returns the figures of the last step. */
    public synchronized Optional<LearningFigures> figures() {
        return health.map(of -> new LearningFigures(
                round(chance),
                round(of.spread()),
                round(of.perplexity()),
                round(of.entropy()),
                round(of.information()),
                rounded(deadShare),
                round(of.gradientNorm()),
                rounded(of.featureRank().isPresent() ? of.featureRank() : featureRank),
                wait));
    }

    /** Returns what the doctor has found; empty while that is not known. */
    public synchronized Optional<List<LearningFinding>> findings() {
        return findings;
    }

    /** Returns the history as lines of JSON. */
    public synchronized byte[] lines() {
        return history.toLines();
    }

    private static @Nullable Double rounded(OptionalDouble value) {
        return value.isPresent() ? round(value.getAsDouble()) : null;
    }

    /** Rounds to five digits: enough for a curve, and lines stay short. */
    private static double round(double value) {
        return Double.isFinite(value) && value != 0
                ? Double.parseDouble(String.format(Locale.ROOT, "%.4e", value))
                : value;
    }
}
