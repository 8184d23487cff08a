package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
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

    private static final int CONFIG_MAGIC = 0xcafebeef;
    private static final int UNSET = Integer.MIN_VALUE;
    private static final Duration FINALIZE = Duration.ofSeconds(3);
    private static final Duration FOREVER = Duration.ofDays(365);
    private static final long STUCK_MILLIS = 300;
    private static final int SPINS = 2000;
    private static final long PARK_NANOS = 50_000;

    /** Calls of one group. */
    interface Calls {
        /** Each result goes through {@code checked}. */
        void issue(ncclComm comm, CUstream_st stream);
    }

    /**
     * How long a communicator may take to come about.
     *
     * @param cancelled polled; true ends the attempt
     */
    record Patience(Duration deadline, BooleanSupplier cancelled) {}

    private final ReentrantLock lock = new ReentrantLock();
    private final ncclComm comm = new ncclComm();
    private final Pipeline pipeline;
    private final Runnable watch;
    private volatile @Nullable CollectiveException broken;
    /** Operations may be under way that no thread waits for. */
    private volatile boolean unattended;

    private volatile boolean waiting;

    private volatile @Nullable Thread attendant;
    /** NCCL knows of it. Guarded by {@code comm}, as is {@link #freed}. */
    private boolean begun;

    /** NCCL is being told, or has been, that it is of no more use. */
    private boolean freed;

    private final CountDownLatch gone = new CountDownLatch(1);
    private boolean released;

    /** @param watch throws CollectiveException when there is no more use in waiting for the peers */
    private Communicator(Runnable watch) {
        this.watch = watch;
        cuda(cudart.cudaSetDevice(DEVICE));
        this.pipeline = new Pipeline();
    }

    /** A name for a new communicator, for rank 0 to tell the others. */
    static byte[] uniqueId() {
        try (ncclUniqueId id = new ncclUniqueId()) {
            checked(nccl.ncclGetUniqueId(id));
            byte[] bytes = new byte[nccl.NCCL_UNIQUE_ID_BYTES];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = id.internal(i);
            }
            return bytes;
        }
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
                    try (ncclUniqueId unique = new ncclUniqueId();
                            ncclConfig_t config = config()) {
                        for (int i = 0; i < id.length; i++) {
                            unique.internal(i, id[i]);
                        }
                        return nccl.ncclCommInitRankConfig(made.comm, size, unique, rank, config);
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
                        try (ncclConfig_t config = config()) {
                            return nccl.ncclCommShrink(
                                    comm, excluded, excluded.length, made.comm, config, nccl.NCCL_SHRINK_DEFAULT);
                        }
                    },
                    patience);
        } finally {
            lock.unlock();
        }
    }

    private Communicator formed(Patiently.Call start, Patience patience) {
        lock.lock();
        try {
            Patiently call = Patiently.begin("nccl-init", start, this::begun);
            await(() -> go(patience) && call.isDone(), patience.deadline(), "the start of a communicator");
            checked(call.result());
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

    /** On the thread of the call that made it: nobody may have waited so long. */
    private void begun() {
        synchronized (comm) {
            begun = true;
            if (!freed) {
                return;
            }
        }
        abortComm();
    }

    /** The presets map no initializer: every field that is not set here has NCCL's own word for "not set". */
    private static ncclConfig_t config() {
        ncclConfig_t config = new ncclConfig_t();
        return config.size(config.sizeof())
                .magic(CONFIG_MAGIC)
                .version(nccl.NCCL_VERSION_CODE)
                .blocking(0)
                .cgaClusterSize(UNSET)
                .minCTAs(UNSET)
                .maxCTAs(UNSET)
                .netName(null)
                .splitShare(UNSET)
                .trafficClass(UNSET)
                .commName(null)
                .collnetEnable(UNSET)
                .CTAPolicy(UNSET)
                .shrinkShare(UNSET)
                .nvlsCTAs(UNSET);
    }

    /**
     * Issues the calls as one group, in the order of libtorch's work: what that is asked for from here on begins when they
     * are over. That they have failed, a later call may be the first to say.
     */
    void run(Calls calls) {
        try {
            Pipeline.Operation operation = attended(calls);
            // without the lock: while the device's queue is full this does not come back, and may need an abort
            operation.holdLibtorch();
            check();
        } catch (CollectiveException e) {
            throw failed(e);
        }
    }

    private Pipeline.Operation attended(Calls calls) {
        lock.lock();
        try {
            Pipeline.Operation operation = launch(calls);
            attend();
            return operation;
        } finally {
            lock.unlock();
        }
    }

    /** Issues the calls as one group and waits until they are over; libtorch's work goes on meanwhile. */
    void runToTheEnd(Calls calls) {
        toTheEnd(() -> launch(calls));
    }

    /** Waits until all that was run is over. */
    void settle() {
        toTheEnd(this::check);
    }

    private void toTheEnd(Runnable first) {
        lock.lock();
        try {
            first.run();
            await(this::over, FOREVER, "the operation");
        } catch (CollectiveException e) {
            throw failed(e);
        } finally {
            lock.unlock();
        }
    }

    private Pipeline.Operation launch(Calls calls) {
        check();
        cuda(cudart.cudaSetDevice(DEVICE));
        Pipeline.Operation operation = pipeline.begin();
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
        waiting = !all && pipeline.waits();
        return all;
    }

    /** Whether, when last looked at, the device waited for other ranks. */
    boolean waits() {
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
            cuda(cudart.cudaSetDevice(DEVICE));
            while (broken == null) {
                Peers peers = new Peers(watch);
                while (unattended && broken == null) {
                    look();
                    peers.check();
                    LockSupport.parkNanos(Peers.LOOK_NANOS);
                }
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

    private CollectiveException failed(CollectiveException e) {
        CollectiveException reason = broken;
        if (reason != null) {
            end(reason);
            return again(reason);
        }
        CollectiveException named = new Peers(watch).behind(e);
        end(named);
        return named;
    }

    private void group(Calls calls) {
        checked(nccl.ncclGroupStart());
        boolean issued = false;
        try {
            calls.issue(comm, pipeline.stream());
            issued = true;
        } finally {
            int ended = nccl.ncclGroupEnd();
            if (issued) {
                check();
                checked(ended);
            }
        }
    }

    /** @return success, or in progress */
    private int asyncState() {
        int[] state = new int[1];
        checked(nccl.ncclCommGetAsyncError(comm, state));
        return checked(state[0]);
    }

    private void await(BooleanSupplier done, Duration deadline, String what) {
        long start = System.nanoTime();
        Peers peers = new Peers(watch);
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

    /** What was under way may use its arrays until this is back. */
    private void free() {
        breakOff(closed());
        boolean first;
        synchronized (comm) {
            first = !freed;
            freed = true;
            if (!begun) {
                return; // the thread that is still making it does this when it is back
            }
        }
        if (first) {
            abortComm();
        } else {
            awaitGone();
        }
    }

    private void abortComm() {
        if (!comm.isNull()) {
            int result = nccl.ncclCommAbort(comm);
            if (result != nccl.ncclSuccess) {
                LOG.warn("aborting a communicator: {}", words(result));
            }
        }
        gone.countDown();
    }

    private void awaitGone() {
        try {
            if (!gone.await(FINALIZE.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("aborting a communicator takes more than {} s", FINALIZE.toSeconds());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
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
            bounded("the flush of a communicator", () -> nccl.ncclCommFinalize(comm));
            await(() -> asyncState() == nccl.ncclSuccess, FINALIZE, "the end of the communicator");
            synchronized (comm) {
                freed = true;
            }
            gone.countDown(); // as far as arrays go
            bounded("the end of a communicator", () -> nccl.ncclCommDestroy(comm));
            breakOff(closed());
        } catch (CollectiveException e) {
            LOG.debug("closing a communicator: {}", e.getMessage());
        }
    }

    private static CollectiveException closed() {
        return new CollectiveException("closed");
    }

    private void bounded(String what, Patiently.Call start) {
        Patiently call = Patiently.begin("nccl-close", start, () -> {});
        await(call::isDone, FINALIZE, what);
        checked(call.result());
    }

    private void release() {
        if (!released) {
            released = true;
            pipeline.destroy();
        }
    }

    /** @return the result, success or in progress */
    static int checked(int result) {
        if (result != nccl.ncclSuccess && result != nccl.ncclInProgress) {
            throw new CollectiveException("NCCL: " + words(result));
        }
        return result;
    }

    private static String words(int result) {
        return nccl.ncclGetErrorString(result).getString();
    }

    static void cuda(int result) {
        if (result != cudart.cudaSuccess) {
            throw new CollectiveException(
                    "CUDA: " + cudart.cudaGetErrorString(result).getString());
        }
    }
}
