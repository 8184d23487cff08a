package io.swav.common;

import java.time.Duration;
import java.util.function.BooleanSupplier;

/** Waits for a condition, but no longer than a given time. */
public final class Deadline {
    private static final long NANOS_PER_MILLI = 1_000_000;

    private Deadline() {}

    /**
     * Waits until {@code condition} holds or {@code limit} has passed. Threads that change the condition notify {@code
     * monitor}; it is held while the condition is evaluated and released during the wait, even if the caller holds it.
     *
     * @return whether the condition held when it was last evaluated
     */
    public static boolean await(Object monitor, Duration limit, BooleanSupplier condition) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        synchronized (monitor) {
            while (!condition.getAsBoolean()) {
                long left = (end - System.nanoTime()) / NANOS_PER_MILLI;
                if (left <= 0) {
                    return false;
                }
                monitor.wait(left);
            }
            return true;
        }
    }
}
