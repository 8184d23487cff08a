package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.CudaStub.Held;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Uses a runtime whose streams a test can hold. Copies of one number stand for the work of libtorch. */
class CommunicationStreamTest {
    private final NDManager manager = TorchRuntime.host();
    private final SideStreams opened = SideStreams.open();
    private final CommunicationStream side = opened.stream();

    @BeforeEach
    void releaseStreams() {
        CudaStub.hold(Held.NONE);
    }

    @AfterEach
    void closeAndCheckForLeaks() {
        CudaStub.hold(Held.NONE);
        opened.close();
        manager.close();
        assertThat(CudaStub.left()).isZero();
    }

    private NDArray number(float value) {
        return manager.create(new float[] {value});
    }

    private static void onSecondThread(Runnable begin, Runnable work) {
        CompletableFuture.runAsync(() -> {
                    begin.run();
                    work.run();
                })
                .join();
    }

    @Test
    void secondThreadRunsAfterEarlierWork() {
        NDArray source = number(1);
        NDArray between = number(2);
        NDArray target = number(3);
        CudaStub.hold(Held.LIBTORCH);
        SideStreams.copy(source, between);
        onSecondThread(side.fork(), () -> SideStreams.copy(between, target));
        CudaStub.hold(Held.LIBTORCH); // runs everything that is not held
        assertThat(target.getFloat(0)).isEqualTo(3);
        CudaStub.hold(Held.NONE);
        assertThat(target.getFloat(0)).isEqualTo(1);
    }

    @Test
    void secondThreadRunsConcurrentlyWithLaterWork() {
        NDArray from = number(1);
        NDArray into = number(2);
        Runnable begin = side.fork();
        CudaStub.hold(Held.LIBTORCH);
        SideStreams.copy(number(7), number(8));
        onSecondThread(begin, () -> SideStreams.copy(from, into));
        CudaStub.hold(Held.LIBTORCH);
        assertThat(into.getFloat(0)).isEqualTo(1);
    }

    @Test
    void joinWaitsForTheSecondThread() {
        NDArray source = number(1);
        NDArray between = number(2);
        NDArray target = number(3);
        Runnable begin = side.fork();
        CudaStub.hold(Held.ALL);
        onSecondThread(begin, () -> SideStreams.copy(source, between));
        side.join();
        SideStreams.copy(between, target);
        CudaStub.hold(Held.COPIES);
        assertThat(target.getFloat(0)).isEqualTo(3);
        CudaStub.hold(Held.NONE);
        assertThat(target.getFloat(0)).isEqualTo(1);
    }

    @Test
    void switchesTheStreamOncePerSecondThreadOnly() {
        Runnable one = side.fork();
        Runnable another = side.fork();
        onSecondThread(one, another);
        assertThat(opened.streamsSet()).hasSize(1);
        assertThat(CommunicationStream.ofThread()).isNull();
        assertThat(CommunicationStream.ofProcess()).as("computes on the CPU").isEmpty();
    }
}
