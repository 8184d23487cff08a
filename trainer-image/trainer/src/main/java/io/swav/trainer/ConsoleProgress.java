package io.swav.trainer;

import io.swav.model.StepResult;
import java.util.Locale;
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
    private final @Nullable ProgressBar bar;
    private long lastStep = -1;
    private long lastTime;

    ConsoleProgress(TrainingSchedule schedule, int globalBatch, boolean terminal) {
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
    static boolean onTerminal() {
        return System.console() != null;
    }

    void step(long step, StepResult outcome, int world) {
        long now = System.nanoTime();
        long steps = schedule.steps();
        if (bar != null) {
            bar.maxHint(steps);
            bar.stepTo(step);
            bar.setExtraMessage(String.format(
                    Locale.ROOT,
                    " loss %.4f, perplexity %.1f, world %d",
                    outcome.loss(),
                    outcome.prototypePerplexity(),
                    world));
            return;
        }
        if (lastStep >= 0 && now - lastTime < LINE_NANOS && step < steps) {
            return;
        }
        String rate = lastStep < 0
                ? "-"
                : String.format(Locale.ROOT, "%.0f", (step - lastStep) * (double) globalBatch * 1e9 / (now - lastTime));
        LOG.info(
                "step {}/{} loss {} img/s {} perplexity {} world {}",
                step,
                steps,
                String.format(Locale.ROOT, "%.4f", outcome.loss()),
                rate,
                String.format(Locale.ROOT, "%.1f", outcome.prototypePerplexity()),
                world);
        lastStep = step;
        lastTime = now;
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
