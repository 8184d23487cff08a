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
 * One non-blocking NCCL communicator with a stream of its own. Its operations begin when libtorch's work so far is done.
 * Only the host can give up on them: where nobody waits for what is under way, a thread looks after it.
 *
 * <p>One thread at a time runs operations; {@link #abort} may come from any other. It is the only call of NCCL that may
 * overlap with another, and only where that one does not come back.
 */
final class Communicator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Communicator.class);
    /** A pod has one GPU. */
    static final int DEVICE = 0;

    private static final Duration FOREVER = Duration.ofDays(365);
    private static final long STUCK_MILLIS = 300;
    private static final int SPINS = 2000;
    private static final long PARK_NANOS = 50_000;

    /** Calls of one group. */
    interface Calls {
        /** Each result goes through {@link Nccl#checked}. */
        void issue(ncclComm comm, CUstream_st stream);
    }

    /**
     * How long a communicator may take to come about.
     *
     * @param cancelled polled; true ends the attempt
     */
    record Patience(Duration deadline, BooleanSupplier cancelled) {}

    private final ReentrantLock lock = new ReentrantLock();
    private final CommunicatorHandle handle = new CommunicatorHandle();
    private final StreamOperations pipeline;
    private volatile Runnable watch;
    private volatile @Nullable CollectiveException broken;
    /** Operations may be under way that no thread waits for. */
    private volatile boolean unattended;

    private volatile boolean waiting;

    private volatile @Nullable Thread attendant;
    private boolean released;

    /** @param watch throws CollectiveException when there is no more use in waiting for the peers */
    private Communicator(Runnable watch) {
        this.watch = watch;
        Nccl.cuda(cudart.cudaSetDevice(DEVICE));
        this.pipeline = new StreamOperations();
    }

    /**
     * Meets the other ranks.
     *
     * @throws CollectiveException when they are not all there before the deadline
     */
    static Communicator init(byte[] id, int rank, int size, Patience patience, Runnable watch) {
        Communicator made = new Communicator(watch);
        return made.formed(
                () -> {
                    try (ncclUniqueId unique = Nccl.uniqueId(id);
                            ncclConfig_t config = Nccl.config()) {
                        return nccl.ncclCommInitRankConfig(made.handle.comm(), size, unique, rank, config);
                    }
                },
                patience);
    }

    /** What is left when those ranks go, between operations. This one can still only be aborted afterwards. */
    Communicator shrink(int[] excluded, Patience patience, Runnable newWatch) {
        lock.lock();
        try {
            check();
            if (!over()) {
                throw new CollectiveException("a communicator with operations under way does not shrink");
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
                    patience);
        } finally {
            lock.unlock();
        }
    }

    private Communicator formed(DetachedNcclCall.Call start, Patience patience) {
        lock.lock();
        try {
            try (DetachedNcclCall call = DetachedNcclCall.begin("nccl-init", start, handle::begun)) {
                await(() -> go(patience) && call.isDone(), patience.deadline(), "the start of a communicator");
                Nccl.checked(call.result());
            }
            await(() -> go(patience) && asyncState() == nccl.ncclSuccess, patience.deadline(), "the other ranks");
            return this;
        } catch (CollectiveException e) {
            free();
            release();
            throw e;
        } finally {
            lock.unlock();
        }
    }

    private static boolean go(Patience patience) {
        if (patience.cancelled().getAsBoolean()) {
            throw new CollectiveException("forming was called off");
        }
        return true;
    }

    /**
     * Issues the calls as one group, in the order of libtorch's work: what that is asked for from here on begins when they
     * are over. That they have failed, a later call may be the first to say.
     */
    void run(Calls calls) {
        try {
            StreamOperations.Operation operation = attended(calls);
            // without the lock: while the device's queue is full this does not come back, and may need an abort
            operation.holdLibtorch();
            check();
        } catch (CollectiveException e) {
            throw failed(e);
        }
    }

    private StreamOperations.Operation attended(Calls calls) {
        lock.lock();
        try {
            StreamOperations.Operation operation = launch(calls);
            attend();
            return operation;
        } finally {
            lock.unlock();
        }
    }

    /** Issues the calls as one group and waits until they are over; libtorch's work goes on meanwhile. */
    void runToTheEnd(Calls calls) {
        toTheEnd(() -> launch(calls), FOREVER);
    }

    /** Waits until all that was run is over. */
    void synchronize() {
        toTheEnd(this::check, FOREVER);
    }

    /** The same, but not for long: nobody will run anything any more. */
    void settleAtLast() {
        toTheEnd(this::check, CommunicatorHandle.ENDING);
    }

    private void toTheEnd(Runnable first, Duration deadline) {
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
        StreamOperations.Operation operation = pipeline.begin();
        check(); // it may have been stuck in a full queue, until an abort ended what was in it
        group(calls);
        await(() -> asyncState() == nccl.ncclSuccess, FOREVER, "a launch");
        pipeline.launched(operation);
        return operation;
    }

    private boolean over() {
        asyncState(); // or an error would look like an operation that never ends
        boolean all = pipeline.over();
        unattended = unattended && !all;
        waiting = !all && pipeline.isWaitingForPeers();
        return all;
    }

    /** Whether, when last looked at, the device waited for other ranks. */
    boolean isWaitingForPeers() {
        return waiting;
    }

    private void attend() {
        unattended = true;
        Thread thread = attendant;
        if (thread == null) {
            thread = new Thread(this::lookAfter, "nccl-attend");
            thread.setDaemon(true);
            thread.start();
            attendant = thread;
        }
        LockSupport.unpark(thread);
    }

    private void lookAfter() {
        try {
            Nccl.cuda(cudart.cudaSetDevice(DEVICE));
            while (broken == null) {
                lookUntilAttended();
                if (broken == null) {
                    LockSupport.park(this);
                }
            }
        } catch (CollectiveException e) {
            failed(e);
        } catch (RuntimeException e) {
            failed(new CollectiveException("NCCL: " + e, e)); // or nobody would look any more
        }
    }

    private void lookUntilAttended() {
        PeerWatch peers = new PeerWatch(watch);
        try {
            while (unattended && broken == null) {
                look();
                peers.check();
                LockSupport.parkNanos(PeerWatch.LOOK_NANOS);
            }
        } catch (CollectiveException e) {
            if (unattended) { // or all was over before the peers went
                throw e;
            }
        }
    }

    /** Whoever has the lock sees for itself how things are. */
    private void look() {
        if (lock.tryLock()) {
            try {
                check();
                over();
            } finally {
                lock.unlock();
            }
        }
    }

    /** The sockets are going: they tell no more who has gone, and that they are closed is no reason to give it up. */
    void unwatched() {
        watch = () -> {};
    }

    private CollectiveException failed(CollectiveException e) {
        CollectiveException reason = broken;
        if (reason != null) {
            end(reason);
            return again(reason);
        }
        CollectiveException named = new PeerWatch(watch).behind(e);
        end(named);
        return named;
    }

    private void group(Calls calls) {
        Nccl.checked(nccl.ncclGroupStart());
        boolean issued = false;
        try {
            calls.issue(handle.comm(), pipeline.stream());
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
                throw new CollectiveException("NCCL: " + what + " did not come within " + deadline.toSeconds() + " s");
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
            throw again(reason);
        }
    }

    private static CollectiveException again(CollectiveException reason) {
        return new CollectiveException(String.valueOf(reason.getMessage()), reason);
    }

    boolean healthy() {
        return broken == null;
    }

    /** Whoever waits in an operation stops waiting; what is under way on the device stays there until {@link #abort}. */
    void breakOff(CollectiveException reason) {
        if (broken == null) {
            broken = reason;
        }
        waiting = false;
        LockSupport.unpark(attendant);
    }

    static CollectiveException aborted() {
        return new CollectiveException("aborted");
    }

    /** Frees the thread that waits in an operation, and the device. */
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
        // not mine: its thread is inside a call of NCCL that does not come back, which this ends
        free();
        if (mine) {
            lock.unlock();
        }
    }

    private void free() {
        breakOff(closed());
        handle.free();
    }

    /** Waits for the other ranks to be done with it too, for a while; then it goes without them. */
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
            // made however late: nobody else frees it now
            await(closing(() -> nccl.ncclCommDestroy(handle.comm())), "the end of a communicator");
            breakOff(closed());
        } catch (CollectiveException e) {
            LOG.debug("closing a communicator: {}", e.getMessage());
        }
    }

    private static CollectiveException closed() {
        return new CollectiveException("closed");
    }

    private static DetachedNcclCall closing(DetachedNcclCall.Call call) {
        return DetachedNcclCall.begin("nccl-close", call, () -> {});
    }

    private void await(DetachedNcclCall call, String what) {
        await(call::isDone, CommunicatorHandle.ENDING, what);
        Nccl.checked(call.result());
    }

    private void release() {
        if (!released) {
            released = true;
            pipeline.destroy();
        }
    }
}
