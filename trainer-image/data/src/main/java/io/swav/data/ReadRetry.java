package io.swav.data;

import io.swav.api.Shown;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The retry schedule of a failed read. A file server that restarts answers with errors for a while, so reads are
 * retried with growing pauses, for half of {@code recovery.hungAfterSeconds}: the other trainers wait meanwhile, and a
 * trainer that retried for longer would be declared hung.
 */
final class ReadRetry {
    private static final Logger LOG = LoggerFactory.getLogger(ReadRetry.class);
    /**
     * The first pause; each later one is twice as long, up to {@link #LONGEST_PAUSE_MILLIS}. A random half of each is left out,
     * so that trainers that failed together do not come back together.
     */
    private static final long FIRST_PAUSE_MILLIS = 100;

    private static final long LONGEST_PAUSE_MILLIS = 3000;

    /** The time without a warning after one: an outage fails all reads that are under way. */
    private static final long QUIET_NANOS = 3_000_000_000L;

    private static final AtomicLong WARNED = new AtomicLong();
    private static final AtomicLong UNSAID = new AtomicLong();

    private final CountDownLatch stop;
    private final long end;
    private long pause = FIRST_PAUSE_MILLIS;

    /** @param stop ends the retries when it reaches zero */
    ReadRetry(SwavJobSpec spec, CountDownLatch stop) {
        this.stop = stop;
        this.end = System.nanoTime() + TimeUnit.SECONDS.toNanos(spec.recovery().hungAfterSeconds()) / 2;
    }

    /**
     * Reads an encoded image, and retries if it cannot be read now.
     *
     * @param stop ends the retries when it reaches zero
     * @throws BadImageException if the sample can never be an image, the same for every process
     * @throws DataException if the image still cannot be read when the time is over; another process may succeed
     */
    static byte[] read(DataSet data, long sample, SwavJobSpec spec, CountDownLatch stop) throws BadImageException {
        ReadRetry retry = new ReadRetry(spec, stop);
        while (true) {
            try {
                return data.read(sample);
            } catch (BadImageException e) {
                throw e;
            } catch (IOException e) {
                if (!retry.awaitNextTry()) {
                    throw DataException.cannotRead("cannot read " + data.name(sample), e);
                }
                warn(data.name(sample), e);
            }
        }
    }

    /** Logs the first of the many reads that fail together. */
    private static void warn(String name, IOException e) {
        long now = System.nanoTime();
        long last = WARNED.get();
        if ((last == 0 || now - last > QUIET_NANOS) && WARNED.compareAndSet(last, now)) {
            LOG.warn(
                    "cannot read {} now, trying again: {} ({} reads failed since the last such line)",
                    Shown.of(name),
                    e.toString(),
                    UNSAID.getAndSet(0) + 1);
        } else {
            UNSAID.incrementAndGet();
        }
    }

    /** Waits before the next try; false if the time is over, {@code stop} was reached or the thread was interrupted. */
    boolean awaitNextTry() {
        if (System.nanoTime() > end) {
            return false;
        }
        try {
            long random = ThreadLocalRandom.current().nextLong(pause / 2 + 1);
            boolean stopped = stop.await(pause - random, TimeUnit.MILLISECONDS);
            pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
            return !stopped;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
