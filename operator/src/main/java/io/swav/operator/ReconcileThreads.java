package io.swav.operator;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The threads that reconcile. Java Operator SDK 5.2 stops its event processor while it changes the watched namespaces, and a
 * job whose reconciliation ends, or would begin, meanwhile counts as being reconciled for ever: nothing is done for it
 * again. So namespaces change only between reconciliations.
 */
final class ReconcileThreads extends ThreadPoolExecutor {
    /** As many as the SDK has by default. */
    private static final int THREADS = 50;

    /** Read while a job is reconciled, written while the namespaces change; fair, so that a change comes to its turn. */
    private final ReadWriteLock changes = new ReentrantReadWriteLock(true);

    ReconcileThreads() {
        super(THREADS, THREADS, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>());
    }

    /** Runs a change when no job is being reconciled, and lets none begin before it has ended. */
    void betweenReconciliations(Runnable change) {
        changes.writeLock().lock();
        try {
            change.run();
        } finally {
            changes.writeLock().unlock();
        }
    }

    @Override
    protected void beforeExecute(Thread thread, Runnable task) {
        super.beforeExecute(thread, task);
        changes.readLock().lock();
    }

    @Override
    protected void afterExecute(Runnable task, @Nullable Throwable thrown) {
        changes.readLock().unlock();
        super.afterExecute(task, thrown);
    }
}
