package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import io.swav.common.DaemonThreads;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.cuda.global.cudart;
import org.jspecify.annotations.Nullable;

/**
 * Observes the operations of one communicator that no thread waits for, and gives the communicator up if they fail or a
 * peer is lost. Its thread starts with the first such operation, and ends when the communicator is no longer healthy.
 */
final class OperationWatchdog {
    /** The name of the thread. */
    static final String THREAD = "nccl-watchdog";

    private final Communicator communicator;
    /** Whether operations may be running that no thread waits for. */
    private volatile boolean needed;

    private volatile @Nullable Thread thread;

    OperationWatchdog(Communicator communicator) {
        this.communicator = communicator;
    }

    /** Observes from here on until {@link #rest}. Called by one thread at a time. */
    void watch() {
        needed = true;
        if (thread == null) {
            thread = DaemonThreads.start(THREAD, this::run);
        }
        wake();
    }

    /** All operations have finished. */
    void rest() {
        needed = false;
    }

    /** Makes the thread notice a change at once. */
    void wake() {
        LockSupport.unpark(thread);
    }

    private void run() {
        try {
            Nccl.cuda(cudart.cudaSetDevice(Communicator.DEVICE));
            while (communicator.healthy()) {
                observeUntilFinished();
                if (communicator.healthy()) {
                    LockSupport.park(this);
                }
            }
        } catch (CollectiveException e) {
            communicator.failed(e);
        } catch (RuntimeException | Error e) {
            // this thread ends here, so the communicator must not be used unobserved
            communicator.failed(new CollectiveException("NCCL: " + e, e));
        }
    }

    private void observeUntilFinished() {
        PeerWatch peers = communicator.peers();
        try {
            while (needed && communicator.healthy()) {
                communicator.poll();
                peers.check();
                LockSupport.parkNanos(PeerWatch.POLL_NANOS);
            }
        } catch (CollectiveException e) {
            if (needed) { // otherwise all operations had finished before the peer was lost
                throw e;
            }
        }
    }
}
