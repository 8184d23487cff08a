package io.swav.common;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DeadlineTest {
    private final Object monitor = new Object();

    @Test
    void doesNotWaitIfTheConditionHolds() throws InterruptedException {
        assertThat(Deadline.await(monitor, Duration.ZERO, () -> true)).isTrue();
    }

    @Test
    void endsWhenTheTimeIsOver() throws InterruptedException {
        long start = System.nanoTime();
        assertThat(Deadline.await(monitor, Duration.ofMillis(20), () -> false)).isFalse();
        assertThat(System.nanoTime() - start)
                .as("all of it but the last, incomplete millisecond")
                .isGreaterThanOrEqualTo(Duration.ofMillis(19).toNanos());
    }

    @Test
    void endsWhenTheConditionIsNotified() throws InterruptedException {
        AtomicBoolean done = new AtomicBoolean();
        synchronized (monitor) {
            DaemonThreads.start("notifier", () -> {
                synchronized (monitor) { // free only while the caller waits
                    done.set(true);
                    monitor.notifyAll();
                }
            });
            assertThat(Deadline.await(monitor, Duration.ofDays(1), done::get)).isTrue();
        }
    }

    @Test
    void anInterruptEndsTheWait() {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> Deadline.await(monitor, Duration.ofDays(1), () -> false))
                .isInstanceOf(InterruptedException.class);
    }
}
