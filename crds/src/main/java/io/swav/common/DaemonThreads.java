package io.swav.common;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/** Creates threads that do not keep the process alive. Logs, thread dumps and profiles show their names. */
public final class DaemonThreads {
    private DaemonThreads() {}

    /** Creates a thread for the caller to start. */
    public static Thread create(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    public static Thread start(String name, Runnable task) {
        Thread thread = create(name, task);
        thread.start();
        return thread;
    }

    /** A factory for executors, which gives every thread the same name. */
    public static ThreadFactory named(String name) {
        return task -> create(name, task);
    }

    /**
     * Lets a pool's threads finish what was submitted, and waits for that. Nothing is interrupted, because an interrupt
     * closes a channel that other threads read, too.
     */
    public static void end(ExecutorService pool) {
        pool.shutdown();
        boolean interrupted = false;
        while (!pool.isTerminated()) {
            try {
                boolean unused = pool.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
