package io.swav.membership;

import io.swav.common.DaemonThreads;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a task repeatedly on a daemon thread; if the task throws, even an error, it is logged and the task is run again. */
public final class PeriodicTask implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PeriodicTask.class);

    private final Thread thread;

    /** @param pauseMillis pause between the end of one run and the start of the next */
    public PeriodicTask(String name, long pauseMillis, Runnable task) {
        this.thread = DaemonThreads.start(name, () -> run(pauseMillis, task));
    }

    private static void run(long pauseMillis, Runnable task) {
        while (true) {
            try {
                task.run();
            } catch (RuntimeException | Error e) {
                LOG.error(
                        "periodic task {} failed, will run it again",
                        Thread.currentThread().getName(),
                        e);
            }
            try {
                Thread.sleep(pauseMillis);
            } catch (InterruptedException closed) {
                return;
            }
        }
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
