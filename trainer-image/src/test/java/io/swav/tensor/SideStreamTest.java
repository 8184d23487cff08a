package io.swav.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.nccl.NcclStub;
import io.swav.tensor.CudaStub.Held;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Over a runtime whose streams can be held. What libtorch would be asked for are copies of one number. */
class SideStreamTest {
    private final NDManager manager = Torch.host();
    private final List<CUstream_st> told = new ArrayList<>();
    private SideStream side = open();

    private SideStream open() {
        NcclStub.folder();
        return new SideStream(told::add);
    }

    @BeforeEach
    void flow() {
        CudaStub.hold(Held.NONE);
    }

    @AfterEach
    void nothingIsLeft() {
        CudaStub.hold(Held.NONE);
        side.close();
        manager.close();
        assertThat(CudaStub.left()).isZero();
    }

    private NDArray number(float value) {
        return manager.create(new float[] {value});
    }

    /** The next thing that the calling thread asks the device for. */
    private static void copy(NDArray from, NDArray into) {
        assertThat(cudart.cudaMemcpyAsync(
                        new Address(Memory.address(into, 0)),
                        new Address(Memory.address(from, 0)),
                        Float.BYTES,
                        cudart.cudaMemcpyDefault,
                        SideStream.ofThread()))
                .isZero();
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
        copy(early, middle);
        onSecond(side.fork(), () -> copy(middle, late));
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
        copy(number(7), number(8));
        onSecond(begin, () -> copy(from, into));
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
        onSecond(begin, () -> copy(early, middle));
        side.join();
        copy(middle, late);
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
        assertThat(told).hasSize(1);
        assertThat(SideStream.ofThread()).isNull();
        assertThat(SideStream.ofProcess()).as("computes on the CPU").isEmpty();
    }
}
