package io.swav.trainer;

import java.util.concurrent.TimeUnit;

/** Says how long to wait before something is tried again: each time twice as long, up to a limit. Thread-safe. */
final class GrowingPause {
    private final long firstMillis;
    private final long lastMillis;
    private long millis;

    GrowingPause(long firstMillis, long lastMillis) {
        this.firstMillis = firstMillis;
        this.lastMillis = lastMillis;
        this.millis = firstMillis;
    }

    synchronized long nextMillis() {
        long pause = millis;
        millis = Math.min(2 * pause, lastMillis);
        return pause;
    }

    long nextNanos() {
        return TimeUnit.MILLISECONDS.toNanos(nextMillis());
    }

    /** Begins anew, because it has succeeded. */
    synchronized void reset() {
        millis = firstMillis;
    }
}
