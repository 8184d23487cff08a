package io.swav.operator;

import io.swav.api.DataInventory;
import io.swav.api.DataLedger;
import io.swav.api.EpochSchedule;
import io.swav.api.LearningFigures;
import io.swav.api.SwavJobStatus.Phase;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.TrainerReport;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The status of training, from the report of the most advanced trainer. */
final class ProgressStatus {
    /** Significant digits of rates and losses in the status: enough to see a step change them. */
    private static final MathContext SHOWN = new MathContext(4);

    private static final Set<Phase> PAUSED = EnumSet.of(Phase.Pending, Phase.Holding, Phase.Suspended);

    private ProgressStatus() {}

    /**
     * Returns the latest progress; null before the first report. Progress that was reported once stays after all pods
     * are gone, without a rate while no trainer trains.
     */
    static @Nullable Progress of(StatusFacts facts, Phase phase) {
        @Nullable Progress latest = latest(facts);
        return latest == null || !PAUSED.contains(phase) ? latest : paused(latest);
    }

    private static Progress paused(Progress reported) {
        return new Progress(
                reported.step(),
                reported.steps(),
                reported.epoch(),
                reported.epochs(),
                reported.epochsSince(),
                reported.loss(),
                0.0,
                reported.knnTop1(),
                null,
                reported.skippedSamples(),
                reported.data(),
                reported.learning());
    }

    private static @Nullable Progress latest(StatusFacts facts) {
        @Nullable Progress old = facts.before().progress();
        Optional<TrainerReport> latest = facts.snapshot().latest();
        return latest.isEmpty() || isUndone(latest.get(), old, facts) ? old : progress(latest.get(), old, facts);
    }

    /** Fewer steps than before count only if a trainer is making them again, from a checkpoint. */
    private static boolean isUndone(TrainerReport report, @Nullable Progress old, StatusFacts facts) {
        boolean trains = report.state() == TrainerReport.State.Training
                && report.generation() == facts.world().generation();
        return old != null && old.step() != null && report.step() < old.step() && !trains;
    }

    private static Progress progress(TrainerReport report, @Nullable Progress old, StatusFacts facts) {
        Double knn = report.knnTop1() != null ? report.knnTop1() : old == null ? null : old.knnTop1();
        Optional<EpochSchedule.Change> epochs = Optional.ofNullable(report.epochs());
        boolean finished = facts.end().isPresent() || report.step() >= report.steps();
        return new Progress(
                report.step(),
                report.steps(),
                report.epoch(),
                epochs.map(EpochSchedule.Change::epochs).orElse(null),
                epochs.map(EpochSchedule.Change::step).filter(step -> step > 0).orElse(null),
                shown(report.loss()),
                shown(report.imagesPerSecond()),
                shown(knn),
                finished ? Long.valueOf(0) : etaSeconds(report, facts.snapshot()),
                facts.snapshot().reports().values().stream()
                        .mapToLong(TrainerReport::skippedSamples)
                        .sum(),
                data(facts.snapshot(), old),
                learning(report, old));
    }

    /** Figures that come only every so many steps stay until the next. */
    private static @Nullable LearningFigures learning(TrainerReport report, @Nullable Progress old) {
        LearningFigures now = report.learning();
        LearningFigures before = old == null ? null : old.learning();
        if (now == null) {
            return before;
        }
        return new LearningFigures(
                shown(now.lossOfChance()),
                shown(now.embeddingSpread()),
                shown(now.predictionPerplexity()),
                shown(now.predictionEntropy()),
                shown(now.information()),
                shown(now.deadPrototypes() == null && before != null ? before.deadPrototypes() : now.deadPrototypes()),
                shown(now.gradientNorm()),
                shown(now.featureRank() == null && before != null ? before.featureRank() : now.featureRank()),
                shown(now.dataWait()));
    }

    /**
     * Returns what was found at the data. In a world rank 0 reports it; a trainer that is not in one reports what it found when
     * it started, which may be less if the data has grown since.
     */
    private static @Nullable DataInventory data(JobSnapshot snapshot, @Nullable Progress old) {
        return snapshot.reports().values().stream()
                .filter(report -> report.data() != null)
                .max(Comparator.comparingLong(ProgressStatus::imagesSeen).thenComparingLong(TrainerReport::generation))
                .map(TrainerReport::data)
                .orElse(old == null ? null : old.data());
    }

    private static long imagesSeen(TrainerReport report) {
        return Optional.ofNullable(report.data())
                .flatMap(DataInventory::newestSet)
                .map(DataLedger.Entry::samples)
                .orElse(0L);
    }

    private static @Nullable Long etaSeconds(TrainerReport report, JobSnapshot snapshot) {
        Double rate = report.imagesPerSecond();
        if (rate == null || rate <= 0) {
            return null;
        }
        return snapshot.accepted()
                .map(spec -> Math.round(
                        (report.steps() - report.step()) * spec.training().globalBatch() / rate))
                .orElse(null);
    }

    /** Rounds to the digits that a status shows; null for a value that is missing or not finite. */
    static @Nullable Double shown(@Nullable Double value) {
        return value == null || !Double.isFinite(value)
                ? null
                : new BigDecimal(value).round(SHOWN).doubleValue();
    }
}
