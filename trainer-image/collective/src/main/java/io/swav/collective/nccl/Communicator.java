package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.cuda.global.nccl;
import org.bytedeco.cuda.nccl.ncclComm;
import org.bytedeco.cuda.nccl.ncclConfig_t;
import org.bytedeco.cuda.nccl.ncclUniqueId;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One non-blocking NCCL communicator with a separate stream. Its operations begin when libtorch's work so far has
 * finished. Only the host can give up on an operation, so while no thread waits for the running ones, a watchdog thread
 * observes them.
 *
 * <p>One thread at a time runs operations; {@link #abort} may be called from any other. It is the only call of NCCL that
 * may overlap with another, and only if that one does not return.
 */
final class Communicator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Communicator.class);
    /** A pod has one GPU. */
    static final int DEVICE = 0;

    private static final Duration UNLIMITED = Duration.ofDays(365);
    private static final long STUCK_MILLIS = 300;
    private static final int SPINS = 2000;
    private static final long PARK_NANOS = 50_000;

    /** The NCCL calls of one group. */
    interface Calls {
        /** Issues the calls, and passes each result to {@link Nccl#checked}. */
        void issue(ncclComm comm, CUstream_st stream);
    }

    /**
     * How long the creation of a communicator may take.
     *
     * @param cancelled polled; true ends the attempt
     */
    record ConnectTimeout(Duration deadline, BooleanSupplier cancelled) {}

    private final ReentrantLock lock = new ReentrantLock();
    private final CommunicatorHandle handle = new CommunicatorHandle();
    private final StreamOperations operations;
    private volatile Runnable watch;
    private volatile @Nullable CollectiveException broken;
    /** Whether operations may be running that no thread waits for. */
    private volatile boolean needsWatching;

    private volatile boolean waiting;

    private volatile @Nullable Thread watchdog;
    private boolean released;

    /** @param watch throws CollectiveException when waiting for the peers has become pointless */
    private Communicator(Runnable watch) {
        this.watch = watch;
        Nccl.cuda(cudart.cudaSetDevice(DEVICE));
        this.operations = new StreamOperations();
    }

    /**
     * Creates a communicator together with the other ranks.
     *
     * @throws CollectiveException if they have not all taken part before the deadline
     */
    static Communicator init(byte[] id, int rank, int size, ConnectTimeout timeout, Runnable watch) {
        Communicator made = new Communicator(watch);
        return made.formed(
                () -> {
                    try (ncclUniqueId unique = Nccl.uniqueId(id);
                            ncclConfig_t config = Nccl.config()) {
                        return nccl.ncclCommInitRankConfig(made.handle.comm(), size, unique, rank, config);
                    }
                },
                timeout);
    }

    /**
     * Creates a communicator without the excluded ranks, between operations. Afterwards this communicator can only be
     * aborted.
     */
    Communicator shrink(int[] excluded, ConnectTimeout timeout, Runnable newWatch) {
        lock.lock();
        try {
            check();
            if (!over()) {
                throw new CollectiveException("a communicator with running operations cannot be shrunk");
            }
            Communicator made = new Communicator(newWatch);
            return made.formed(
                    () -> {
                        try (ncclConfig_t config = Nccl.config()) {
                            return nccl.ncclCommShrink(
                                    handle.comm(),
                                    excluded,
                                    excluded.length,
                                    made.handle.comm(),
                                    config,
                                    nccl.NCCL_SHRINK_DEFAULT);
                        }
                    },
                    timeout);
        } finally {
            lock.unlock();
        }
    }

    private Communicator formed(DetachedNcclCall.NcclCall start, ConnectTimeout timeout) {
        lock.lock();
        try {
            try (DetachedNcclCall call = DetachedNcclCall.begin("nccl-init", start, handle::begun)) {
                await(
                        () -> checkCancelled(timeout) && call.isDone(),
                        timeout.deadline(),
                        "the initialization of a communicator");
                Nccl.checked(call.result());
            }
            await(
                    () -> checkCancelled(timeout) && asyncState() == nccl.ncclSuccess,
                    timeout.deadline(),
                    "the connection to the other ranks");
            return this;
        } catch (CollectiveException e) {
            free();
            release();
            throw e;
        } finally {
            lock.unlock();
        }
    }

    private static boolean checkCancelled(ConnectTimeout timeout) {
        if (timeout.cancelled().getAsBoolean()) {
            throw new CollectiveException("the creation of the communicator was cancelled");
        }
        return true;
    }

    /**
     * Issues the calls as one group, in order with libtorch's work: libtorch's work from here on begins when they have
     * finished. A failure may be thrown only by a later call.
     */
    void run(Calls calls) {
        try {
            StreamOperations.Operation operation = runWatched(calls);
            // without the lock: while the device's queue is full this does not return, and an abort may be needed
            operation.makeLibtorchWait();
            check();
        } catch (CollectiveException e) {
            throw failed(e);
        }
    }

    private StreamOperations.Operation runWatched(Calls calls) {
        lock.lock();
        try {
            StreamOperations.Operation operation = launch(calls);
            startWatching();
            return operation;
        } finally {
            lock.unlock();
        }
    }

    /** Issues the calls as one group and waits until they have finished; libtorch's work continues meanwhile. */
    void runAndWait(Calls calls) {
        waitUntilFinished(() -> launch(calls), UNLIMITED);
    }

    /** Waits until all operations have finished. */
    void synchronize() {
        waitUntilFinished(this::check, UNLIMITED);
    }

    /** Waits a limited time until all operations have finished; no more will be run. */
    void synchronizeBeforeClose() {
        waitUntilFinished(this::check, CommunicatorHandle.ENDING);
    }

    private void waitUntilFinished(Runnable first, Duration deadline) {
        lock.lock();
        try {
            first.run();
            await(this::over, deadline, "the operation");
        } catch (CollectiveException e) {
            throw failed(e);
        } finally {
            lock.unlock();
        }
    }

    private StreamOperations.Operation launch(Calls calls) {
        check();
        Nccl.cuda(cudart.cudaSetDevice(DEVICE));
        StreamOperations.Operation operation = operations.begin();
        check(); // begin() may have been blocked by a full queue until an abort cleared it
        group(calls);
        await(() -> asyncState() == nccl.ncclSuccess, UNLIMITED, "a launch");
        operations.launched(operation);
        return operation;
    }

    private boolean over() {
        asyncState(); // without this, an error would look like an operation that never ends
        boolean all = operations.over();
        needsWatching = needsWatching && !all;
        waiting = !all && operations.isWaitingForPeers();
        return all;
    }

    /** Whether the device waited for other ranks when it was last checked. */
    boolean isWaitingForPeers() {
        return waiting;
    }

    private void startWatching() {
        needsWatching = true;
        Thread thread = watchdog;
        if (thread == null) {
            thread = new Thread(this::watchOperations, "nccl-attend");
            thread.setDaemon(true);
            thread.start();
            watchdog = thread;
        }
        LockSupport.unpark(thread);
    }

    private void watchOperations() {
        try {
            Nccl.cuda(cudart.cudaSetDevice(DEVICE));
            while (broken == null) {
                watchUntilFinished();
                if (broken == null) {
                    LockSupport.park(this);
                }
            }
        } catch (CollectiveException e) {
            failed(e);
        } catch (RuntimeException e) {
            failed(new CollectiveException(
                    "NCCL: " + e, e)); // the watchdog ends here, so the communicator must not be used unwatched
        }
    }

    private void watchUntilFinished() {
        PeerWatch peers = new PeerWatch(watch);
        try {
            while (needsWatching && broken == null) {
                poll();
                peers.check();
                LockSupport.parkNanos(PeerWatch.POLL_NANOS);
            }
        } catch (CollectiveException e) {
            if (needsWatching) { // otherwise all operations had finished before the peer was lost
                throw e;
            }
        }
    }

    /** Checks for errors and finished operations, unless another thread holds the lock: that thread does so itself. */
    private void poll() {
        if (lock.tryLock()) {
            try {
                check();
                over();
            } finally {
                lock.unlock();
            }
        }
    }

    /**
     * Stops checking the peers: the sockets are about to be closed, after which they no longer show lost peers, and their
     * closing is no reason to give the communicator up.
     */
    void unwatched() {
        watch = () -> {};
    }

    private CollectiveException failed(CollectiveException e) {
        CollectiveException reason = broken;
        if (reason != null) {
            end(reason);
            return copyOf(reason);
        }
        CollectiveException named = new PeerWatch(watch).causeOf(e);
        end(named);
        return named;
    }

    private void group(Calls calls) {
        Nccl.checked(nccl.ncclGroupStart());
        boolean issued = false;
        try {
            calls.issue(handle.comm(), operations.stream());
            issued = true;
        } finally {
            int ended = nccl.ncclGroupEnd();
            if (issued) {
                check();
                Nccl.checked(ended);
            }
        }
    }

    /** @return success, or in progress */
    private int asyncState() {
        int[] state = new int[1];
        Nccl.checked(nccl.ncclCommGetAsyncError(handle.comm(), state));
        return Nccl.checked(state[0]);
    }

    private void await(BooleanSupplier done, Duration deadline, String what) {
        long start = System.nanoTime();
        PeerWatch peers = new PeerWatch(watch);
        check();
        for (int turn = 0; !done.getAsBoolean(); turn++) {
            peers.check();
            if (System.nanoTime() - start >= deadline.toNanos()) {
                throw new CollectiveException(
                        "NCCL: " + what + " did not complete within " + deadline.toSeconds() + " s");
            }
            if (turn < SPINS) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(PARK_NANOS);
            }
            check();
        }
        check();
    }

    private void check() {
        CollectiveException reason = broken;
        if (reason != null) {
            throw copyOf(reason);
        }
    }

    private static CollectiveException copyOf(CollectiveException reason) {
        return new CollectiveException(String.valueOf(reason.getMessage()), reason);
    }

    boolean healthy() {
        return broken == null;
    }

    /** Makes threads that wait in an operation stop waiting; operations stay on the device until {@link #abort}. */
    void breakOff(CollectiveException reason) {
        if (broken == null) {
            broken = reason;
        }
        waiting = false;
        LockSupport.unpark(watchdog);
    }

    static CollectiveException aborted() {
        return new CollectiveException("aborted");
    }

    /** Releases the thread that waits in an operation, and ends the operations on the device. */
    void abort() {
        end(aborted());
    }

    private void end(CollectiveException reason) {
        breakOff(reason);
        boolean mine = false;
        try {
            mine = lock.tryLock(STUCK_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        // without the lock: its holder is inside a call of NCCL that does not return, which free() ends
        free();
        if (mine) {
            lock.unlock();
        }
    }

    private void free() {
        breakOff(closed());
        handle.free();
    }

    /** Waits a limited time until the other ranks have finished with it too, then closes it without them. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (broken == null) {
                retire();
            }
            free();
            release();
        } finally {
            lock.unlock();
        }
    }

    private void retire() {
        try {
            try (DetachedNcclCall flush = closing(() -> nccl.ncclCommFinalize(handle.comm()))) {
                await(flush, "the flush of a communicator");
            }
            await(() -> asyncState() == nccl.ncclSuccess, CommunicatorHandle.ENDING, "the end of the communicator");
            handle.flushed();
            // not closed after the wait, so that it is made however late: nothing else frees the communicator now
            await(closing(() -> nccl.ncclCommDestroy(handle.comm())), "the end of a communicator");
            breakOff(closed());
        } catch (CollectiveException e) {
            LOG.debug("could not close a communicator: {}", e.getMessage());
        }
    }

    private static CollectiveException closed() {
        return new CollectiveException("closed");
    }

    private static DetachedNcclCall closing(DetachedNcclCall.NcclCall call) {
        return DetachedNcclCall.begin("nccl-close", call, () -> {});
    }

    private void await(DetachedNcclCall call, String what) {
        await(call::isDone, CommunicatorHandle.ENDING, what);
        Nccl.checked(call.result());
    }

    private void release() {
        if (!released) {
            released = true;
            operations.destroy();
        }
    }
}
