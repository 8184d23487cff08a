package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import io.swav.tensor.CopyStream;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.bytedeco.cuda.cudart.CUevent_st;
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
 * One non-blocking NCCL communicator with a stream of its own. Its operations begin when libtorch's work so far is done
 * and are over when {@link #run} returns: the host waits for them, because only the host can give up on them.
 *
 * <p>One thread at a time runs operations; {@link #abort} may come from any other. It is the only call that may overlap
 * with another, and only where that one does not come back.
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
    private static final long WATCH_NANOS = Duration.ofMillis(5).toNanos();
    /** A peer that is done with the same operation may hang up a moment before it is over here. */
    private static final long GRACE_NANOS = Duration.ofMillis(200).toNanos();

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
    private final CUstream_st stream = new CUstream_st();
    private final CUevent_st before = new CUevent_st();
    private final CUevent_st after = new CUevent_st();
    private final Runnable watch;
    private volatile @Nullable String broken;
    /** NCCL knows of it. Guarded by {@code comm}, as is {@link #freed}. */
    private boolean begun;

    private boolean freed;
    private boolean released;

    /** @param watch throws CollectiveException when there is no more use in waiting for the peers */
    private Communicator(Runnable watch) {
        this.watch = watch;
        cuda(cudart.cudaSetDevice(DEVICE));
        cuda(cudart.cudaStreamCreateWithFlags(stream, cudart.cudaStreamNonBlocking));
        cuda(cudart.cudaEventCreateWithFlags(before, cudart.cudaEventDisableTiming));
        cuda(cudart.cudaEventCreateWithFlags(after, cudart.cudaEventDisableTiming));
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

    /** What is left when those ranks go; nothing may be under way. This one can still only be aborted afterwards. */
    Communicator shrink(int[] excluded, Patience patience, Runnable newWatch) {
        Communicator made = new Communicator(newWatch);
        lock.lock();
        try {
            check();
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

    /** Issues the calls as one group and waits until they are done on the device. */
    void run(Calls calls) {
        lock.lock();
        try {
            check();
            cuda(cudart.cudaSetDevice(DEVICE));
            cuda(cudart.cudaEventRecord(before, CopyStream.LIBTORCH));
            cuda(cudart.cudaStreamWaitEvent(stream, before, 0));
            group(calls);
            await(() -> asyncState() == nccl.ncclSuccess, FOREVER, "a launch");
            cuda(cudart.cudaEventRecord(after, stream));
            await(() -> finished(after), FOREVER, "the operation");
        } catch (CollectiveException e) {
            CollectiveException named = broken == null ? named(e) : e;
            breakOff(String.valueOf(named.getMessage()));
            free();
            throw named;
        } finally {
            lock.unlock();
        }
    }

    /** NCCL may see first that something is wrong; who it was, the sockets tell. */
    private CollectiveException named(CollectiveException e) {
        Optional<CollectiveException> lost = lost();
        for (long start = System.nanoTime(); lost.isEmpty() && System.nanoTime() - start < GRACE_NANOS; ) {
            LockSupport.parkNanos(WATCH_NANOS);
            lost = lost();
        }
        return lost.orElse(e);
    }

    private void group(Calls calls) {
        checked(nccl.ncclGroupStart());
        boolean issued = false;
        try {
            calls.issue(comm, stream);
            issued = true;
        } finally {
            int ended = nccl.ncclGroupEnd();
            if (issued) {
                check();
                checked(ended);
            }
        }
    }

    private boolean finished(CUevent_st event) {
        asyncState(); // or an error would look like an operation that never ends
        int result = cudart.cudaEventQuery(event);
        if (result == cudart.cudaErrorNotReady) {
            return false;
        }
        cuda(result);
        return true;
    }

    /** @return success, or in progress */
    private int asyncState() {
        int[] state = new int[1];
        checked(nccl.ncclCommGetAsyncError(comm, state));
        return checked(state[0]);
    }

    private void await(BooleanSupplier done, Duration deadline, String what) {
        long start = System.nanoTime();
        long watched = start;
        Optional<CollectiveException> lost = Optional.empty();
        for (int turn = 0; !done.getAsBoolean(); turn++) {
            check();
            long now = System.nanoTime();
            if (now - watched >= WATCH_NANOS && lost.isEmpty()) {
                watched = now;
                lost = lost();
            }
            if (lost.isPresent() && now - watched >= GRACE_NANOS) {
                throw lost.get();
            }
            if (now - start >= deadline.toNanos()) {
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

    private Optional<CollectiveException> lost() {
        try {
            watch.run();
            return Optional.empty();
        } catch (CollectiveException e) {
            return Optional.of(e);
        }
    }

    private void check() {
        String reason = broken;
        if (reason != null) {
            throw new CollectiveException(reason);
        }
    }

    boolean healthy() {
        return broken == null;
    }

    private void breakOff(String reason) {
        if (broken == null) {
            broken = reason;
        }
    }

    /** Frees the thread that waits in an operation, at once. */
    void abort() {
        breakOff("aborted");
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
        breakOff("closed");
        synchronized (comm) {
            if (freed) {
                return;
            }
            freed = true;
            if (!begun) {
                return; // the thread that is still making it does this when it is back
            }
        }
        abortComm();
    }

    private void abortComm() {
        if (!comm.isNull()) {
            int result = nccl.ncclCommAbort(comm);
            if (result != nccl.ncclSuccess) {
                LOG.warn("aborting a communicator: {}", words(result));
            }
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
            bounded("the end of a communicator", () -> nccl.ncclCommDestroy(comm));
            breakOff("closed");
        } catch (CollectiveException e) {
            LOG.debug("closing a communicator: {}", e.getMessage());
        }
    }

    private void bounded(String what, Patiently.Call start) {
        Patiently call = Patiently.begin("nccl-close", start, () -> {});
        await(call::isDone, FINALIZE, what);
        checked(call.result());
    }

    private void release() {
        if (!released) {
            released = true;
            cudart.cudaEventDestroy(before);
            cudart.cudaEventDestroy(after);
            cudart.cudaStreamDestroy(stream);
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
