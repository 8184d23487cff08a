package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** What somebody who waits for other ranks hears of them by another way than NCCL. One thread at a time. */
final class PeerWatch {
    static final long LOOK_NANOS = Duration.ofMillis(5).toNanos();
    private static final long NAMED_NANOS = Duration.ofMillis(200).toNanos();

    private final Runnable watch;
    private long looked = System.nanoTime();

    /** @param watch throws CollectiveException when there is no more use in waiting */
    PeerWatch(Runnable watch) {
        this.watch = watch;
    }

    /**
     * To be called again and again.
     *
     * @throws CollectiveException when there is no more use in waiting
     */
    void check() {
        long now = System.nanoTime();
        if (now - looked >= LOOK_NANOS) {
            looked = now;
            watch.run();
        }
    }

    /** NCCL may see first that something is wrong; who it was, the sockets tell, a moment later maybe. */
    CollectiveException behind(CollectiveException seen) {
        Optional<CollectiveException> cause = gone();
        for (long start = System.nanoTime(); cause.isEmpty() && System.nanoTime() - start < NAMED_NANOS; ) {
            LockSupport.parkNanos(LOOK_NANOS);
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
