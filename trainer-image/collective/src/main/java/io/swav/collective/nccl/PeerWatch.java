package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** Checks the peers by other means than NCCL, for a thread that waits for them. Used by one thread at a time. */
final class PeerWatch {
    static final long POLL_NANOS = Duration.ofMillis(5).toNanos();
    private static final long CAUSE_WAIT_NANOS = Duration.ofMillis(200).toNanos();

    private final Runnable watch;
    private long polled = System.nanoTime();

    /** @param watch throws CollectiveException when waiting has become pointless */
    PeerWatch(Runnable watch) {
        this.watch = watch;
    }

    /**
     * Checks the peers if the last check is long enough ago; called in a loop.
     *
     * @throws CollectiveException if waiting has become pointless
     */
    void check() {
        long now = System.nanoTime();
        if (now - polled >= POLL_NANOS) {
            polled = now;
            watch.run();
        }
    }

    /**
     * Returns the failure that names the lost rank, or {@code seen} if none is found. NCCL may be the first to notice a
     * failure; which rank caused it, only the sockets show, perhaps a moment later.
     */
    CollectiveException causeOf(CollectiveException seen) {
        Optional<CollectiveException> cause = gone();
        for (long start = System.nanoTime(); cause.isEmpty() && System.nanoTime() - start < CAUSE_WAIT_NANOS; ) {
            LockSupport.parkNanos(POLL_NANOS);
            cause = gone();
        }
        return cause.orElse(seen);
    }

    private Optional<CollectiveException> gone() {
        try {
            watch.run();
            return Optional.empty();
        } catch (CollectiveException e) {
            return Optional.of(e);
        }
    }
}
