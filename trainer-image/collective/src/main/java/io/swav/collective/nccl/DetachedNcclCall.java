package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import io.swav.common.DaemonThreads;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.cuda.global.cudart;
import org.jspecify.annotations.Nullable;

/**
 * A call of NCCL that should return at once, made on a separate thread in case it does not. No other call could end it,
 * because NCCL does not yet have, or no longer has, a communicator to abort. After {@link #close} the call is not made
 * any more, unless it has begun.
 */
final class DetachedNcclCall implements AutoCloseable {
    interface NcclCall {
        /** @return NCCL's result */
        int call();
    }

    private final NcclCall call;
    private final Runnable after;
    private final AtomicBoolean decided = new AtomicBoolean(); // whether to make the call
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile int result;
    private volatile @Nullable CollectiveException failure;

    DetachedNcclCall(NcclCall call, Runnable after) {
        this.call = call;
        this.after = after;
    }

    /** @param after runs on the call's thread when the call returns, however late */
    static DetachedNcclCall begin(String name, NcclCall call, Runnable after) {
        DetachedNcclCall begun = new DetachedNcclCall(call, after);
        DaemonThreads.start(name, begun::make);
        return begun;
    }

    void make() {
        try {
            Nccl.cuda(cudart.cudaSetDevice(Communicator.DEVICE));
            if (decided.compareAndSet(false, true)) {
                result = call.call();
                after.run();
            }
        } catch (CollectiveException e) {
            failure = e;
        } catch (RuntimeException | Error e) { // its result would read as NCCL's success
            failure = new CollectiveException("NCCL: " + e, e);
        } finally {
            done.countDown();
        }
    }

    /** Prevents a call that has not begun, because its arguments are about to be freed. */
    @Override
    public void close() {
        decided.set(true);
    }

    boolean isDone() {
        return done.getCount() == 0;
    }

    /** Returns the result of a finished call. */
    int result() {
        CollectiveException e = failure;
        if (e != null) {
            throw e;
        }
        return result;
    }
}
