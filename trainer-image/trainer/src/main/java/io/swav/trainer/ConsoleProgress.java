package io.swav.trainer;

import io.swav.api.Diagnosis;
import io.swav.learning.LearningFinding;
import io.swav.model.StepHealth;
import io.swav.model.StepResult;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Progress for people: a bar on a terminal, otherwise a log line every two seconds and at the last step. */
final class ConsoleProgress implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("io.swav.trainer");
    private static final long LINE_NANOS = 2_000_000_000L;

    private final TrainingSchedule schedule;
    private final int globalBatch;
    private final double chance;
    private final @Nullable ProgressBar bar;
    private long lastStep = -1;
    private long lastTime;
    private Set<Diagnosis> found = Set.of();

    /** Creates the progress of a trainer, which is a bar if there is a terminal. */
    static ConsoleProgress of(TrainerConfig config, TrainerComponents components) {
        return new ConsoleProgress(
                components.schedule(),
                config.globalBatch(),
                components.learning().chance(),
                onTerminal());
    }

    /** @param chance the loss of a network that tells no images apart */
    private ConsoleProgress(TrainingSchedule schedule, int globalBatch, double chance, boolean terminal) {
        this.chance = chance;
        this.schedule = schedule;
        this.globalBatch = globalBatch;
        this.bar = terminal
                ? new ProgressBarBuilder()
                        .setTaskName("train")
                        .setInitialMax(schedule.steps())
                        .setUnit(" steps", 1)
                        .build()
                : null;
    }

    /**
     * Returns whether the output is a terminal. Newer JDKs have a console object without a terminal; a bar does no harm
     * there.
     */
    @SuppressWarnings("SystemConsoleNull")
    private static boolean onTerminal() {
        return System.console() != null;
    }

    void step(long step, StepResult outcome, int world) {
        long now = System.nanoTime();
        long steps = schedule.steps();
        if (bar != null) {
            bar.maxHint(steps);
            bar.stepTo(step);
            bar.setExtraMessage(String.format(
                    Locale.ROOT, " loss %.4f, spread %s, world %d", outcome.loss(), spread(outcome), world));
            return;
        }
        if (lastStep >= 0 && now - lastTime < LINE_NANOS && step < steps) {
            return;
        }
        String rate = lastStep < 0
                ? "-"
                : String.format(Locale.ROOT, "%.0f", (step - lastStep) * (double) globalBatch * 1e9 / (now - lastTime));
        LOG.info(
                "step {}/{} loss {} of {} img/s {} spread {} information {} gradient {} world {}",
                step,
                steps,
                String.format(Locale.ROOT, "%.4f", outcome.loss()),
                String.format(Locale.ROOT, "%.4f", chance),
                rate,
                spread(outcome),
                number("%.3f", outcome.health().map(StepHealth::information)),
                number("%.3g", outcome.health().map(StepHealth::gradientNorm)),
                world);
        lastStep = step;
        lastTime = now;
    }

    private static String spread(StepResult outcome) {
        return number("%.3f", outcome.health().map(StepHealth::spread));
    }

    private static String number(String format, Optional<Double> value) {
        return value.map(known -> String.format(Locale.ROOT, format, known)).orElse("-");
    }

    /** Reports what the doctor has found, once each time that it begins or ends. */
    void findings(List<LearningFinding> now) {
        Set<Diagnosis> whats = now.stream().map(LearningFinding::what).collect(Collectors.toSet());
        now.stream()
                .filter(finding -> !found.contains(finding.what()))
                .forEach(finding -> LOG.warn("{}: {}", finding.what(), finding.why()));
        found.stream().filter(what -> !whats.contains(what)).forEach(what -> LOG.info("{} has passed", what));
        found = whats;
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
