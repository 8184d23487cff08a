package io.swav.trainer;

import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.common.DaemonThreads;
import io.swav.common.Deadline;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends {@link TrainerProgress} immediately on every change and otherwise when {@link ReportTurns} says so, from its own
 * thread: a slow or unreachable API server never blocks training.
 */
final class ProgressReporter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ProgressReporter.class);
    private static final long PERIOD_MILLIS = 1000;
    private static final long RETRY_MILLIS = 500;
    private static final long LAST_WORD_MILLIS = 5000;

    private final TrainerProgress progress;
    private final ReportSink sink;
    private final Runnable onReady;
    private final ReportTurns turns = new ReportTurns();
    private final Thread thread = DaemonThreads.create("reporter", this::run);
    private boolean poked;
    private boolean closing;
    private boolean ready;
    private boolean failing;

    /** @param onReady called once, when a report with state Ready or a later state was accepted */
    ProgressReporter(TrainerProgress progress, ReportSink sink, Runnable onReady) {
        this.progress = progress;
        this.sink = sink;
        this.onReady = onReady;
        progress.onChange(this::poke);
        thread.start();
    }

    private synchronized void poke() {
        poked = true;
        notifyAll();
    }

    private void run() {
        try {
            while (true) {
                boolean last = isClosing();
                boolean sent = send(last);
                if (last && sent) {
                    return;
                }
                pause(sent ? PERIOD_MILLIS : RETRY_MILLIS, sent);
            }
        } catch (InterruptedException gaveUp) {
            LOG.warn("the last progress report was not delivered: the operator may not see how this trainer ended");
        }
    }

    private synchronized boolean isClosing() {
        return closing;
    }

    /**
     * Waits. After a failure a change does not shorten the wait, so that an unavailable server is not flooded with
     * requests.
     */
    private synchronized void pause(long millis, boolean wakeable) throws InterruptedException {
        Deadline.await(this, Duration.ofMillis(millis), () -> wakeable && (poked || closing));
        poked = false;
    }

    /**
     * Sends a report if one is due. Nothing may end this thread: the operator would take a trainer without reports for one
     * that hangs.
     *
     * @return false if it was not accepted
     */
    private boolean send(boolean last) {
        try {
            TrainerReport report = progress.report();
            return (!last && !turns.isDue(report, progress.place(), System.nanoTime())) || send(report);
        } catch (RuntimeException | Error e) {
            return failed(e);
        }
    }

    private boolean failed(Throwable e) {
        try {
            failed(MemoryLimits.describe(e));
        } catch (Error noMemory) { // to describe a lack of memory needs memory, too
            failing = true;
        }
        return false;
    }

    private boolean send(TrainerReport report) {
        try {
            sink.send(report);
        } catch (IOException | KubernetesClientException e) {
            failed(String.valueOf(e.getCause() == null ? e : e.getCause()));
            return false;
        }
        turns.accepted(report, System.nanoTime());
        if (failing) {
            LOG.info("progress reports are delivered again");
            failing = false;
        }
        if (!ready && report.state() != State.Starting && !report.state().isFailure()) {
            ready = true;
            onReady.run();
        }
        return true;
    }

    private void failed(String why) {
        if (!failing) {
            LOG.warn("cannot report progress, training continues: {}", why);
        }
        failing = true;
    }

    /** Delivers the last state, or gives up after five seconds. */
    @Override
    public void close() {
        synchronized (this) {
            closing = true;
            notifyAll();
        }
        try {
            thread.join(LAST_WORD_MILLIS);
            thread.interrupt();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
