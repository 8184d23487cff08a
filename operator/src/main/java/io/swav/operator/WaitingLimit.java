package io.swav.operator;

import io.javaoperatorsdk.operator.processing.event.rate.RateLimiter;
import io.javaoperatorsdk.operator.processing.event.rate.RateLimiter.RateLimitState;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * Bounds the number of jobs that wait in memory to be reconciled. Java Operator SDK puts the whole job into the queue of its
 * threads, although it reads the job again when a thread takes it: thousands of jobs that are created within a minute, or met
 * by a restart, would fill the heap. A job that finds the queue full is asked again a few seconds later; until then only its
 * name is kept.
 */
final class WaitingLimit implements RateLimiter<WaitingLimit.NoState> {
    /** As many as the SDK has by default. */
    private static final int THREADS = 50;
    /** More than one machine reconciles within {@link #SHORTEST}, so that the threads have work while jobs wait. */
    static final int WAITING = 500;

    private static final Duration SHORTEST = Duration.ofSeconds(4);
    private static final long SPREAD_MILLIS = 4_000;

    /** Nothing has to be known of a single job. */
    static final class NoState implements RateLimitState {}

    private static final NoState NO_STATE = new NoState();

    private final IntSupplier waiting;
    private final LongSupplier random;

    /** @param random numbers from which the times to ask again are drawn, so that not all ask at once */
    WaitingLimit(IntSupplier waiting, LongSupplier random) {
        this.waiting = waiting;
        this.random = random;
    }

    /** Returns the threads that reconcile. */
    static ThreadPoolExecutor threads() {
        return new ThreadPoolExecutor(THREADS, THREADS, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>());
    }

    @Override
    public Optional<Duration> isLimited(RateLimitState state) {
        return waiting.getAsInt() < WAITING
                ? Optional.empty()
                : Optional.of(SHORTEST.plusMillis(Math.floorMod(random.getAsLong(), SPREAD_MILLIS)));
    }

    @Override
    public NoState initState() {
        return NO_STATE;
    }
}
