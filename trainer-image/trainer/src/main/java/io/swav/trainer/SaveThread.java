package io.swav.trainer;

import io.swav.common.DaemonThreads;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The thread that saves. It takes one task at a time; whatever a task throws, or prevents it from being begun, goes to the
 * task's handler, and never to the caller. A {@link CheckpointWriter} calls it under its own lock.
 */
final class SaveThread {
    private final ScheduledThreadPoolExecutor executor =
            new ScheduledThreadPoolExecutor(1, DaemonThreads.named("checkpoint-writer"));

    private Future<?> running = CompletableFuture.completedFuture(null);
    private Future<?> delayed = CompletableFuture.completedFuture(null);

    SaveThread() {
        executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    /** Begins a task in place of a delayed one. */
    void begin(Runnable work, Consumer<Throwable> failed) {
        delayed.cancel(false);
        try {
            running = executor.submit(guarded(work, failed));
        } catch (RuntimeException | Error e) { // for example, no thread can be started
            failed.accept(e);
        }
    }

    /** Begins a task after a pause, unless another one begins before; the task calls {@link #delayedBegins}. */
    void later(Runnable work, Consumer<Throwable> failed, long pauseMillis) {
        try {
            delayed = executor.schedule(guarded(work, failed), pauseMillis, TimeUnit.MILLISECONDS);
        } catch (RuntimeException | Error e) {
            failed.accept(e);
        }
    }

    void delayedBegins() {
        running = delayed;
    }

    private static Runnable guarded(Runnable work, Consumer<Throwable> failed) {
        return () -> {
            try {
                work.run();
            } catch (Throwable e) { // libraries in other languages throw what Java would not allow here
                failed.accept(e);
            }
        };
    }

    /** Returns whether the last task that began has ended, however it did. */
    boolean isFree() {
        return running.isDone();
    }

    /** Begins nothing more. */
    void shutDown() {
        executor.shutdown();
    }

    void awaitEnd() {
        try {
            executor.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
