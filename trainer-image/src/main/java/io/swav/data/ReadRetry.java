package io.swav.data;

import io.swav.api.SwavJobSpec;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * How often data is read again, as a file server that is restarted answers with errors meanwhile: for half the time after
 * which a trainer, for which the others wait, would be taken for hung.
 */
final class ReadRetry {
    /** Doubled from one try to the next. */
    private static final long FIRST_PAUSE_MILLIS = 100;

    private static final long LONGEST_PAUSE_MILLIS = 3000;

    private final CountDownLatch stop;
    private final long end;
    private long pause = FIRST_PAUSE_MILLIS;

    /** @param stop ends the tries */
    ReadRetry(SwavJobSpec spec, CountDownLatch stop) {
        this.stop = stop;
        this.end = System.nanoTime() + TimeUnit.SECONDS.toNanos(spec.recovery().hungAfterSeconds()) / 2;
    }

    /** Waits before the next try; false when there is to be none. */
    boolean lasts() {
        if (System.nanoTime() > end) {
            return false;
        }
        try {
            boolean stopped = stop.await(pause, TimeUnit.MILLISECONDS);
            pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
            return !stopped;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
