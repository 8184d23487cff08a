package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.CudaStub.Held;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Over a runtime whose streams can be held. What libtorch would be asked for are copies of one number. */
class CommunicationStreamTest {
    private final NDManager manager = TorchRuntime.host();
    private final SideStreams opened = SideStreams.open();
    private final CommunicationStream side = opened.stream();

    @BeforeEach
    void flow() {
        CudaStub.hold(Held.NONE);
    }

    @AfterEach
    void nothingIsLeft() {
        CudaStub.hold(Held.NONE);
        opened.close();
        manager.close();
        assertThat(CudaStub.left()).isZero();
    }

    private NDArray number(float value) {
        return manager.create(new float[] {value});
    }

    private static void onSecond(Runnable begin, Runnable work) {
        CompletableFuture.runAsync(() -> {
                    begin.run();
                    work.run();
                })
                .join();
    }

    @Test
    void theSecondComesAfterWhatWasAskedBefore() {
        NDArray early = number(1);
        NDArray middle = number(2);
        NDArray late = number(3);
        CudaStub.hold(Held.LIBTORCH);
        SideStreams.copy(early, middle);
        onSecond(side.fork(), () -> SideStreams.copy(middle, late));
        CudaStub.hold(Held.LIBTORCH); // whatever can be done is
        assertThat(late.getFloat(0)).isEqualTo(3);
        CudaStub.hold(Held.NONE);
        assertThat(late.getFloat(0)).isEqualTo(1);
    }

    @Test
    void itGoesOnBesideWhatIsAskedAfterwards() {
        NDArray from = number(1);
        NDArray into = number(2);
        Runnable begin = side.fork();
        CudaStub.hold(Held.LIBTORCH);
        SideStreams.copy(number(7), number(8));
        onSecond(begin, () -> SideStreams.copy(from, into));
        CudaStub.hold(Held.LIBTORCH);
        assertThat(into.getFloat(0)).isEqualTo(1);
    }

    @Test
    void whoJoinsComesAfterTheSecond() {
        NDArray early = number(1);
        NDArray middle = number(2);
        NDArray late = number(3);
        Runnable begin = side.fork();
        CudaStub.hold(Held.ALL);
        onSecond(begin, () -> SideStreams.copy(early, middle));
        side.join();
        SideStreams.copy(middle, late);
        CudaStub.hold(Held.COPIES);
        assertThat(late.getFloat(0)).isEqualTo(3);
        CudaStub.hold(Held.NONE);
        assertThat(late.getFloat(0)).isEqualTo(1);
    }

    @Test
    void libtorchIsToldOnceByEveryThreadAndTheFirstStays() {
        Runnable one = side.fork();
        Runnable another = side.fork();
        onSecond(one, another);
        assertThat(opened.told()).hasSize(1);
        assertThat(CommunicationStream.ofThread()).isNull();
        assertThat(CommunicationStream.ofProcess()).as("computes on the CPU").isEmpty();
    }
}
