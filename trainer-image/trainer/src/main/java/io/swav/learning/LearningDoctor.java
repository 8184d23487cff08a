package io.swav.learning;

import io.swav.api.Diagnosis;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Says what keeps a job from learning, by the medians of a window of records. A diagnosis that holds stays until its figure
 * is clearly better than where it began, so that it does not come and go. docs/learning.md has the thresholds and the runs
 * that they rest on.
 */
public final class LearningDoctor {
    /** The records of a window. */
    public static final int WINDOW = 24;

    private final LearningContext job;
    private final List<HistoryRecord> window;
    private final double leastLoss;
    private final Set<Diagnosis> before;
    private final List<LearningFinding> findings = new ArrayList<>();

    private LearningDoctor(LearningContext job, List<HistoryRecord> window, double leastLoss, Set<Diagnosis> before) {
        this.job = job;
        this.window = window;
        this.leastLoss = leastLoss;
        this.before = before;
    }

    /**
     * Examines a job.
     *
     * @param records of the whole history up to now, ascending
     * @param before what held at the last examination
     * @return what holds now; empty while there are too few records to know
     */
    public static Optional<List<LearningFinding>> examine(
            LearningContext job, List<HistoryRecord> records, Set<Diagnosis> before) {
        if (records.size() < WINDOW) {
            return Optional.empty();
        }
        List<HistoryRecord> window = records.subList(records.size() - WINDOW, records.size());
        double least = median(records, HistoryRecord::loss).orElse(Double.NaN);
        for (int from = 0; from + WINDOW <= records.size(); from += WINDOW / 4) {
            OptionalDouble there = median(records.subList(from, from + WINDOW), HistoryRecord::loss);
            least = Math.min(least, there.orElse(least));
        }
        return Optional.of(new LearningDoctor(job, window, least, before).all());
    }

    private List<LearningFinding> all() {
        frozenTooLong();
        tooManyPrototypes();
        boolean collapsed = collapsed();
        boolean diverging = !collapsed && diverging();
        if (!collapsed && !diverging && !nothingLearned()) {
            deadPrototypes();
        }
        starvedByData();
        return List.copyOf(findings);
    }

    private boolean frozenTooLong() {
        double share = (double) job.frozenSteps() / job.steps();
        return holds(
                Diagnosis.FrozenTooLong,
                share > .5,
                "Prototypes are frozen for " + job.frozenSteps() + " of " + job.steps()
                        + " steps, so they hardly learn. Lower training.prototypesFrozenSteps to "
                        + Math.max(1, job.steps() / 20));
    }

    private boolean tooManyPrototypes() {
        return holds(
                Diagnosis.TooManyPrototypes,
                job.prototypes() > 8L * job.crops(),
                "model.prototypes is " + job.prototypes() + " and a global batch has " + job.crops()
                        + " crops with codes: Sinkhorn spreads each over many prototypes at random. Lower model.prototypes to "
                        + Math.max(2, job.crops()) + ", or raise training.globalBatch");
    }

    private boolean pastStart() {
        long last = window.get(window.size() - 1).step();
        return window.get(0).step() > job.warmupSteps() && last >= job.steps() / 10;
    }

    private boolean collapsed() {
        double spread = of(HistoryRecord::embeddingSpread);
        double information = of(HistoryRecord::information);
        boolean again = before.contains(Diagnosis.Collapsed);
        return holds(
                Diagnosis.Collapsed,
                spread < (again ? .2 : .1) || (pastStart() && information < (again ? .03 : .01) && spread < .3),
                text(
                                "All images have nearly the same embedding: its spread is %.3f, where 1 is spread and 0 is equal",
                                spread)
                        + text(" (information %.3f nats). If the images differ", information)
                        + ", and data.mean and data.std are theirs, lower training.optimizer.learningRate to "
                        + number(job.learningRate() / 10)
                        + " in a new job, and raise training.prototypesFrozenSteps to "
                        + Math.max(100, 2 * job.frozenSteps()));
    }

    private boolean diverging() {
        double loss = of(HistoryRecord::loss);
        boolean again = before.contains(Diagnosis.Diverging);
        boolean above = pastStart() && loss > (again ? .85 : 1.05) * job.chance(); // a rate that falls again hides it
        boolean risen = pastStart() && loss - leastLoss > (again ? .1 : .2) * job.chance();
        return holds(
                Diagnosis.Diverging,
                above || risen,
                text("The loss is %.3f, its least was %.3f and ln K is %.3f", loss, leastLoss, job.chance())
                        + ". Lower training.optimizer.learningRate to " + number(job.learningRate() / 10)
                        + ", or lengthen training.optimizer.warmupEpochs, in a new job");
    }

    private boolean nothingLearned() {
        double loss = of(HistoryRecord::loss);
        double information = of(HistoryRecord::information);
        boolean again = before.contains(Diagnosis.NothingLearned);
        return holds(
                Diagnosis.NothingLearned,
                pastStart() && loss > (again ? .95 : .98) * job.chance(),
                text("The loss is %.3f and ln K is %.3f", loss, job.chance())
                        + text(", the information %.3f nats: images are hardly told apart", information)
                        + ". "
                        + (job.epsilon() > .03
                                ? "Lower assignment.epsilon to 0.03"
                                : "Raise assignment.epsilon to 0.05")
                        + ", and training.prototypesFrozenSteps to " + Math.max(100, 2 * job.frozenSteps()));
    }

    private boolean deadPrototypes() {
        double dead = of(HistoryRecord::deadPrototypes);
        boolean again = before.contains(Diagnosis.DeadPrototypes);
        return holds(
                Diagnosis.DeadPrototypes,
                pastStart() && dead > (again ? .5 : .6),
                text("%.0f %% of the prototypes are no image's best", 100 * dead) + ". Lower model.prototypes to "
                        + Math.max(2, Math.round(job.prototypes() * (1 - dead))) + " in a new job");
    }

    private boolean starvedByData() {
        double wait = of(HistoryRecord::dataWait);
        boolean again = before.contains(Diagnosis.StarvedByData);
        return holds(
                Diagnosis.StarvedByData,
                wait > (again ? .3 : .5),
                text("Steps wait for images %.0f %% of the time", 100 * wait) + ". Raise data.workers to "
                        + 2 * Math.max(1, job.workers())
                        + " and give trainers as many more CPUs, or pack the images (swav data"
                        + " pack)");
    }

    private boolean holds(Diagnosis what, boolean does, String why) {
        if (does) {
            findings.add(new LearningFinding(what, why));
        }
        return does;
    }

    /** Returns the median of the window's known values; NaN, which is above and below nothing, if there is none. */
    private double of(Function<HistoryRecord, @Nullable Double> figure) {
        return median(window, figure).orElse(Double.NaN);
    }

    private static OptionalDouble median(
            List<HistoryRecord> records, Function<HistoryRecord, @Nullable Double> figure) {
        double[] known = records.stream()
                .map(figure)
                .filter(Objects::nonNull)
                .mapToDouble(Double::doubleValue)
                .sorted()
                .toArray();
        return known.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(known[known.length / 2]);
    }

    private static String text(String format, Object... values) {
        boolean unknown = Arrays.stream(values).anyMatch(value -> value instanceof Double number && number.isNaN());
        return unknown ? "" : String.format(Locale.ROOT, format, values);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.2g", value).contains("e")
                ? String.format(Locale.ROOT, "%.1e", value)
                : Double.toString(Math.round(value * 1e4) / 1e4);
    }
}
