package io.swav.common;

import java.util.concurrent.ThreadFactory;

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
}
