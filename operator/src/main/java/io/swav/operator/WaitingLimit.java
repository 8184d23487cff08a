package io.swav.operator;

import io.javaoperatorsdk.operator.processing.event.rate.RateLimiter;
import io.javaoperatorsdk.operator.processing.event.rate.RateLimiter.RateLimitState;
import java.time.Duration;
import java.util.Optional;
import java.util.function.DoubleSupplier;
import java.util.function.IntSupplier;

/**
 * Bounds the number of jobs that wait in memory to be reconciled. Java Operator SDK puts the whole job into the queue of its
 * threads, although it reads the job again when a thread takes it: thousands of jobs that are created within a minute, or met
 * by a restart, would fill the heap. A job that finds the queue full is asked again later; until then only its name is kept.
 *
 * <p>The SDK reads a job from the cache whenever it asks, while it holds the lock that all events need. So the more jobs
 * wait, the later each is asked again: a hundred a second together, which is more than one operator reconciles.
 */
final class WaitingLimit implements RateLimiter<WaitingLimit.JobState> {
    static final int WAITING = 200;
    private static final long SHORTEST_MILLIS = 1_000;
    private static final long MILLIS_PER_JOB = 10;

    /** In which round a job was asked to wait, 0 if it does not wait. */
    static final class JobState implements RateLimitState {
        private long waitsSince;
    }

    private final IntSupplier queued;
    private final DoubleSupplier random;
    /** Jobs that were asked to wait in this round; some may be gone. */
    private int waiting;
    /** The next one begins when the queue is empty. */
    private long round = 1;

    /**
     * @param queued jobs in the queue of the threads
     * @param random from 0 to 1: jobs that wait since the same time are not asked again at the same time
     */
    WaitingLimit(IntSupplier queued, DoubleSupplier random) {
        this.queued = queued;
        this.random = random;
    }

    @Override
    public synchronized Optional<Duration> isLimited(RateLimitState state) {
        JobState job = (JobState) state;
        int now = queued.getAsInt();
        if (now == 0 && waiting > 0) {
            waiting = 0;
            round++;
        }
        if (now < WAITING) {
            waiting -= job.waitsSince == round ? 1 : 0;
            job.waitsSince = 0;
            return Optional.empty();
        }
        if (job.waitsSince != round) {
            job.waitsSince = round;
            waiting++;
        }
        long middle = Math.max(SHORTEST_MILLIS, waiting * MILLIS_PER_JOB);
        return Optional.of(Duration.ofMillis((long) (middle * (0.5 + random.getAsDouble()))));
    }

    @Override
    public JobState initState() {
        return new JobState();
    }
}
