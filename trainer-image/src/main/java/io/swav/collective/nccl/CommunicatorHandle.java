package io.swav.collective.nccl;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclComm;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** NCCL's own part of a communicator, which is freed once, whichever threads have no more use for it. For any thread. */
final class CommunicatorHandle {
    private static final Logger LOG = LoggerFactory.getLogger(CommunicatorHandle.class);
    /** For each part of an ending. */
    static final Duration ENDING = Duration.ofSeconds(3);

    private final ncclComm comm = new ncclComm();
    private final CountDownLatch gone = new CountDownLatch(1);
    /** NCCL knows of it. Guarded by this, as is {@link #freed}. */
    private boolean begun;

    /** NCCL is being told, or has been, that it is of no more use. */
    private boolean freed;

    ncclComm comm() {
        return comm;
    }

    /** On the thread of the call that made it: nobody may have waited so long. */
    void begun() {
        synchronized (this) {
            begun = true;
            if (!freed) {
                return;
            }
        }
        abort();
    }

    /** NCCL has flushed it, and is told to destroy it: there is nothing left to abort, and no array in use. */
    void flushed() {
        synchronized (this) {
            freed = true;
        }
        gone.countDown();
    }

    /** By an abort, where it is still there. What was under way may use its arrays until this is back. */
    void free() {
        boolean first;
        synchronized (this) {
            first = !freed;
            freed = true;
            if (!begun) {
                return; // the thread that is still making it does this when it is back
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
                LOG.warn("aborting a communicator: {}", Nccl.words(result));
            }
        }
        gone.countDown();
    }

    private void awaitGone() {
        try {
            if (!gone.await(ENDING.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("aborting a communicator takes more than {} s", ENDING.toSeconds());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
