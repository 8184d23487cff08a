package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadPoolExecutor;
import org.junit.jupiter.api.Test;

class WaitingLimitTest {
    @Test
    void letsNoMoreJobsWaitAsAWholeAndAsksTheOthersAgainAtDifferentTimes() {
        ThreadPoolExecutor threads = WaitingLimit.threads();
        CountDownLatch end = new CountDownLatch(1);
        WaitingLimit limit = new WaitingLimit(threads.getQueue()::size, new Random(1)::nextLong);
        try {
            int accepted = 0;
            while (limit.isLimited(limit.initState()).isEmpty()) {
                threads.execute(() -> await(end));
                accepted++;
            }
            assertThat(accepted).isEqualTo(WaitingLimit.WAITING + threads.getMaximumPoolSize());
            for (int i = 0; i < 100; i++) {
                assertThat(limit.isLimited(limit.initState()))
                        .hasValueSatisfying(
                                again -> assertThat(again).isBetween(Duration.ofSeconds(4), Duration.ofSeconds(8)));
            }
            assertThat(limit.isLimited(limit.initState())).isNotEqualTo(limit.isLimited(limit.initState()));
        } finally {
            end.countDown();
            threads.shutdown();
        }
    }

    @Test
    void asksNobodyToWaitForWhomThereIsRoom() {
        WaitingLimit limit = new WaitingLimit(() -> WaitingLimit.WAITING - 1, () -> 0);
        assertThat(limit.isLimited(limit.initState())).isEmpty();
    }

    private static void await(CountDownLatch end) {
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
