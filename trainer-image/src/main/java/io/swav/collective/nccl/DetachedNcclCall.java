package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.cuda.global.cudart;
import org.jspecify.annotations.Nullable;

/**
 * A call of NCCL that should return at once, made by a thread of its own in case it does not: no other call could end
 * it, because NCCL has not yet, or no longer, a communicator to abort. Closed, it is not made any more unless it has begun.
 */
final class DetachedNcclCall implements AutoCloseable {
    interface Call {
        /** @return NCCL's result */
        int call();
    }

    private final Call call;
    private final Runnable after;
    private final AtomicBoolean decided = new AtomicBoolean(); // to make it, or not to
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile int result;
    private volatile @Nullable CollectiveException failure;

    DetachedNcclCall(Call call, Runnable after) {
        this.call = call;
        this.after = after;
    }

    /** @param after runs on that thread when the call is back, however late */
    static DetachedNcclCall begin(String name, Call call, Runnable after) {
        DetachedNcclCall begun = new DetachedNcclCall(call, after);
        Thread thread = new Thread(begun::make, name);
        thread.setDaemon(true);
        thread.start();
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
        } finally {
            done.countDown();
        }
    }

    /** Before what the call is about is freed: its thread may not have had a processor yet. */
    @Override
    public void close() {
        decided.set(true);
    }

    boolean isDone() {
        return done.getCount() == 0;
    }

    /** Of a call that is done. */
    int result() {
        CollectiveException e = failure;
        if (e != null) {
            throw e;
        }
        return result;
    }
}
