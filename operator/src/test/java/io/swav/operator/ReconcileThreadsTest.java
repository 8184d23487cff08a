package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class ReconcileThreadsTest {
    @Test
    void changesBetweenReconciliations() throws Exception {
        ReconcileThreads threads = new ReconcileThreads();
        List<String> log = new CopyOnWriteArrayList<>();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        CountDownLatch changing = new CountDownLatch(1);
        CountDownLatch mayChange = new CountDownLatch(1);
        try {
            threads.execute(() -> {
                begun.countDown();
                awaitUninterrupted(mayEnd);
                log.add("first ends");
            });
            begun.await();
            Thread change = new Thread(() -> threads.betweenReconciliations(() -> {
                log.add("change begins");
                changing.countDown();
                awaitUninterrupted(mayChange);
                log.add("change ends");
            }));
            change.start();
            await().until(() -> change.getState() == Thread.State.WAITING);
            assertThat(log).as("the change waits").isEmpty();
            mayEnd.countDown();
            changing.await();
            threads.execute(() -> log.add("second"));
            await().until(() -> threads.getQueue().isEmpty());
            mayChange.countDown();
            await().until(() -> log.contains("second"));
            assertThat(log).containsExactly("first ends", "change begins", "change ends", "second");
        } finally {
            mayEnd.countDown();
            mayChange.countDown();
            threads.shutdownNow();
        }
    }

    private static void awaitUninterrupted(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
