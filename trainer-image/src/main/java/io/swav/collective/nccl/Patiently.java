package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.util.concurrent.CountDownLatch;
import org.bytedeco.cuda.global.cudart;
import org.jspecify.annotations.Nullable;

/**
 * A call of NCCL that should return at once, made by a thread of its own in case it does not: no other call could end
 * it, because NCCL has not yet, or no longer, a communicator to abort.
 */
final class Patiently {
    interface Call {
        /** @return NCCL's result */
        int call();
    }

    private final CountDownLatch done = new CountDownLatch(1);
    private volatile int result;
    private volatile @Nullable CollectiveException failure;

    private Patiently() {}

    /** @param after runs on that thread when the call is back, however late */
    static Patiently begin(String name, Call call, Runnable after) {
        Patiently begun = new Patiently();
        Thread thread = new Thread(
                () -> {
                    try {
                        Nccl.cuda(cudart.cudaSetDevice(Communicator.DEVICE));
                        begun.result = call.call();
                        after.run();
                    } catch (CollectiveException e) {
                        begun.failure = e;
                    } finally {
                        begun.done.countDown();
                    }
                },
                name);
        thread.setDaemon(true);
        thread.start();
        return begun;
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
