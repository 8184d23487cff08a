package io.swav.collective.nccl;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclComm;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** NCCL's handle of a communicator, which is freed exactly once, whichever threads release it. Callable from any thread. */
final class CommunicatorHandle {
    private static final Logger LOG = LoggerFactory.getLogger(CommunicatorHandle.class);
    /** Longest wait for each step of closing a communicator. */
    static final Duration ENDING = Duration.ofSeconds(3);

    private final ncclComm comm = new ncclComm();
    private final CountDownLatch gone = new CountDownLatch(1);
    /** Whether NCCL has created the communicator. Guarded by this, as is {@link #freed}. */
    private boolean begun;

    /** Whether some thread has freed the communicator, or has undertaken to. */
    private boolean freed;

    ncclComm comm() {
        return comm;
    }

    /**
     * Records that NCCL has created the communicator. Called on the thread of the creating call; if every other thread
     * has given up on that call, this aborts the communicator.
     */
    void begun() {
        synchronized (this) {
            begun = true;
            if (!freed) {
                return;
            }
        }
        abort();
    }

    /**
     * Records that NCCL has flushed the communicator and that its destruction has been requested: nothing is left to
     * abort, and no array is in use.
     */
    void flushed() {
        synchronized (this) {
            freed = true;
        }
        gone.countDown();
    }

    /** Aborts the communicator if it still exists. Unfinished operations may use their arrays until this returns. */
    void free() {
        boolean first;
        synchronized (this) {
            first = !freed;
            freed = true;
            if (!begun) {
                return; // the thread that is still creating it aborts it afterwards
            }
        }
        if (first) {
            abort();
        } else {
            awaitGone();
        }
    }

    private void abort() {
        if (!comm.isNull()) {
            int result = nccl.ncclCommAbort(comm);
            if (result != nccl.ncclSuccess) {
                LOG.warn("could not abort an NCCL communicator: {}", Nccl.describe(result));
            }
        }
        gone.countDown();
    }

    private void awaitGone() {
        try {
            if (!gone.await(ENDING.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("aborting an NCCL communicator takes longer than {} s", ENDING.toSeconds());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
