package io.swav.common;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class DaemonThreadsTest {
    @Test
    void threadsHaveTheirNameAndAreDaemons() throws InterruptedException {
        CountDownLatch ran = new CountDownLatch(1);

        Thread started = DaemonThreads.start("started", ran::countDown);
        Thread made = DaemonThreads.named("made").newThread(() -> {});

        assertThat(ran.await(1, TimeUnit.MINUTES)).isTrue();
        assertThat(started.getName()).isEqualTo("started");
        assertThat(started.isDaemon()).isTrue();
        assertThat(made.getName()).isEqualTo("made");
        assertThat(made.isDaemon()).isTrue();
        assertThat(made.getState()).as("its executor starts it").isEqualTo(Thread.State.NEW);
    }
}
