package io.swav.trainer;

import io.swav.checkpoint.HistoryStore;
import io.swav.common.DaemonThreads;
import io.swav.learning.LearningFinding;
import io.swav.learning.LearningHistory;
import io.swav.learning.LearningMonitor;
import io.swav.model.StepResult;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the history beside the checkpoints on rank 0, on a thread of its own: neither a step nor a checkpoint waits for it.
 * What an earlier rank 0 wrote is read before the first write, so that nothing of it is lost.
 */
final class HistoryWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HistoryWriter.class);
    private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(20);
    private static final long LAST_SECONDS = 10;

    private final Optional<HistoryStore> store;
    private final LearningMonitor monitor;
    private final ExecutorService thread = Executors.newSingleThreadExecutor(DaemonThreads.named("history"));
    private final AtomicBoolean busy = new AtomicBoolean();
    private boolean leads;
    private boolean isDue;
    private long generation;
    private long from;
    private long last;
    private volatile boolean merged;
    private volatile boolean failing;

    HistoryWriter(Optional<HistoryStore> store, LearningMonitor monitor) {
        this.store = store;
        this.monitor = monitor;
    }

    /** Begins a world that continues at this step. */
    void enter(boolean leading, long ofGeneration, long step) {
        leads = leading;
        generation = ofGeneration;
        from = step;
        merged = false;
        monitor.continuesAt(step);
        last = System.nanoTime() - EVERY_NANOS;
    }

    /**
     * Records a step that was made, and writes the history if that is due.
     *
     * @param size of the world
     * @param waited nanoseconds for which the step waited for its images
     * @return on rank 0, after a record, what the doctor finds
     */
    Optional<List<LearningFinding>> record(
            TrainingSchedule schedule, long step, StepResult outcome, int size, long waited) {
        LearningMonitor.Step applied = new LearningMonitor.Step(
                step,
                schedule.epochAt(step - 1),
                schedule.rateAt(step - 1),
                outcome,
                size,
                waited,
                System.nanoTime(),
                System.currentTimeMillis());
        if (!monitor.step(applied, schedule.steps())) {
            return Optional.empty();
        }
        recorded();
        return leads ? monitor.findings() : Optional.empty();
    }

    private void recorded() {
        isDue = true;
        long now = System.nanoTime();
        if (now - last >= EVERY_NANOS) {
            last = now;
            begin();
        }
    }

    private void begin() {
        if (leads && store.isPresent() && isDue && busy.compareAndSet(false, true)) {
            isDue = false;
            HistoryStore to = store.get();
            long in = generation;
            long upTo = from;
            thread.execute(() -> write(to, in, upTo));
        }
    }

    private void write(HistoryStore to, long in, long upTo) {
        try {
            if (!merged) {
                Optional<LearningHistory.Parsed> earlier = to.read().map(LearningHistory::parse);
                earlier.ifPresent(found -> monitor.merge(found.records(), upTo));
                earlier.map(LearningHistory.Parsed::unreadable)
                        .filter(lines -> lines > 0)
                        .ifPresent(
                                lines -> LOG.warn("{} lines of {} are no records and are left out", lines, to.uri()));
                merged = true;
            }
            to.write(monitor.lines(), in);
            failing = false;
        } catch (IOException | RuntimeException e) {
            if (!failing) {
                LOG.warn(
                        "cannot write the history {}; training continues, and it is tried again: {}",
                        to.uri(),
                        e.toString());
            }
            failing = true;
        } finally {
            busy.set(false);
        }
    }

    /** Writes what is left, and waits for that a short time. */
    @Override
    public void close() {
        if (leads && store.isPresent() && isDue) {
            HistoryStore to = store.get();
            thread.execute(() -> write(to, generation, from));
        }
        thread.shutdown();
        try {
            if (!thread.awaitTermination(LAST_SECONDS, TimeUnit.SECONDS)) {
                LOG.warn("the last records of the history are not written: the store does not answer");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
