package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class WaitingLimitTest {
    private int queued;
    private double random = 0.5;
    private final WaitingLimit limit = new WaitingLimit(() -> queued, () -> random);

    @Test
    void letsNoMoreJobsWaitForAThreadAsAWhole() {
        ReconcileThreads threads = new ReconcileThreads();
        CountDownLatch end = new CountDownLatch(1);
        WaitingLimit real = new WaitingLimit(threads.getQueue()::size, () -> random);
        try {
            int accepted = 0;
            while (real.isLimited(real.initState()).isEmpty()) {
                threads.execute(() -> await(end));
                accepted++;
            }
            assertThat(accepted).isEqualTo(WaitingLimit.WAITING + threads.getMaximumPoolSize());
        } finally {
            end.countDown();
            threads.shutdown();
        }
    }

    /** Each question costs a look into the cache, under the lock of all events. */
    @Test
    void asksNoMoreThanAHundredJobsASecondAgain() {
        queued = WaitingLimit.WAITING;
        List<WaitingLimit.JobState> jobs =
                Stream.generate(limit::initState).limit(6_000).toList();
        jobs.forEach(limit::isLimited);
        assertThat(jobs).allSatisfy(job -> assertThat(limit.isLimited(job)).hasValue(Duration.ofSeconds(60)));
        random = 0;
        assertThat(limit.isLimited(jobs.get(0))).hasValue(Duration.ofSeconds(30));
        random = 1;
        assertThat(limit.isLimited(jobs.get(0))).hasValue(Duration.ofSeconds(90));
    }

    @Test
    void asksFewJobsAgainSoon() {
        queued = WaitingLimit.WAITING - 1;
        assertThat(limit.isLimited(limit.initState())).isEmpty();
        queued = WaitingLimit.WAITING;
        List<WaitingLimit.JobState> jobs =
                Stream.generate(limit::initState).limit(300).toList();
        jobs.forEach(limit::isLimited);
        queued = 1;
        jobs.subList(0, 100).forEach(job -> assertThat(limit.isLimited(job)).isEmpty());
        queued = WaitingLimit.WAITING;
        assertThat(limit.isLimited(jobs.get(200))).hasValue(Duration.ofSeconds(2));

        queued = 0; // the other 200 were deleted
        assertThat(limit.isLimited(limit.initState())).isEmpty();
        queued = WaitingLimit.WAITING;
        assertThat(limit.isLimited(limit.initState())).hasValue(Duration.ofSeconds(1));
    }

    private static void await(CountDownLatch end) {
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
