package io.swav.trainer;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Treats SIGTERM as notice to leave: training continues until the world has changed, then the process exits with the
 * code that the trainer chose. The JVM offers a signal only as a shutdown hook, so the hook holds the shutdown until
 * then.
 */
public final class TerminationNotice {
    private static final Logger LOG = LoggerFactory.getLogger(TerminationNotice.class);

    private final CountDownLatch finished = new CountDownLatch(1);
    private volatile long givenAt;
    private volatile boolean given;
    private volatile int exitCode;
    private volatile Runnable listener = () -> {};

    /**
     * Creates a notice that SIGTERM gives. {@link #finish} must be called; otherwise the process stays until it is
     * killed.
     */
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
        try {
            listener.run();
        } catch (RuntimeException | Error e) { // the shutdown would not wait for the trainer any more
            LOG.error("notice to leave could not be reported; this trainer leaves in order", e);
        }
    }

    /** Registers an action that runs when notice is given, on the thread that gives it. */
    void onGiven(Runnable then) {
        listener = then;
        if (given) {
            then.run();
        }
    }

    public boolean given() {
        return given;
    }

    /** Returns whether notice was given at least this long ago. */
    public boolean given(Duration ago) {
        return given && System.nanoTime() - givenAt > ago.toNanos();
    }

    /** Lets a waiting shutdown proceed; called when everything is closed and reported. */
    public void finish(int code) {
        exitCode = code;
        finished.countDown();
    }
}
