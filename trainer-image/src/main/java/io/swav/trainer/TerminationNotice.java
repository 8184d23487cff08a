package io.swav.trainer;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;

/**
 * SIGTERM as notice to leave: training goes on until the world has changed, then the process ends with the code the
 * trainer chose. The JVM offers a signal only as a shutdown hook, so the hook holds the shutdown until then.
 */
public final class TerminationNotice {
    private final CountDownLatch finished = new CountDownLatch(1);
    private volatile long givenAt;
    private volatile boolean given;
    private volatile int exitCode;
    private volatile Runnable listener = () -> {};

    /** A notice that SIGTERM gives; {@link #finish} must be called, or the process stays until it is killed. */
    public static TerminationNotice onSigterm() {
        TerminationNotice notice = new TerminationNotice();
        Runtime.getRuntime().addShutdownHook(new Thread(notice::shutDown, "notice"));
        return notice;
    }

    private void shutDown() {
        if (finished.getCount() == 0) {
            return;
        }
        give();
        try {
            finished.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(exitCode);
    }

    public void give() {
        givenAt = System.nanoTime();
        given = true;
        listener.run();
    }

    /** Called when notice is given, by the thread that gives it. */
    void onGiven(Runnable then) {
        listener = then;
        if (given) {
            then.run();
        }
    }

    public boolean given() {
        return given;
    }

    /** Whether notice was given this long ago. */
    public boolean given(Duration ago) {
        return given && System.nanoTime() - givenAt > ago.toNanos();
    }

    /** All is closed and said: lets a shutdown that waits proceed. */
    public void finish(int code) {
        exitCode = code;
        finished.countDown();
    }
}
