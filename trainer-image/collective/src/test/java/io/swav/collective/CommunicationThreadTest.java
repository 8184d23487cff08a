package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.CudaStub;
import io.swav.torch.CudaStub.Held;
import io.swav.torch.SideStreams;
import io.swav.torch.TorchRuntime;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Pieces on a device whose stream lags behind the host, as far as a runtime without a device can show it. */
class CommunicationThreadTest {
    private final NDManager manager = TorchRuntime.host();

    @AfterEach
    void releaseStreams() {
        CudaStub.hold(Held.NONE);
        manager.close();
    }

    private NDArray number(float value) {
        return manager.create(new float[] {value});
    }

    @Test
    void piecesRunAfterBackwardAndBeforeApply() throws Exception {
        Ranked.run(2, (world, unused) -> {
            if (world.rank() == 1) {
                world.duplicate();
                return true;
            }
            try (SideStreams side = SideStreams.open();
                    CommunicationThread background = new CommunicationThread(world, Optional.of(side.stream()))) {
                NDArray gradient = number(0);
                NDArray sum = number(0);
                NDArray next = number(0);
                CountDownLatch asked = new CountDownLatch(1);
                CudaStub.hold(Held.LIBTORCH);
                SideStreams.copy(number(1), gradient); // backward
                background.run(line -> {
                    SideStreams.copy(gradient, sum);
                    asked.countDown();
                });
                asked.await();
                CudaStub.hold(Held.LIBTORCH);
                assertThat(sum.getFloat(0)).as("before backward has finished").isZero();
                CudaStub.hold(Held.ALL);
                background.await();
                SideStreams.copy(sum, next); // apply
                CudaStub.hold(Held.COPIES);
                assertThat(next.getFloat(0)).as("before the sum has finished").isZero();
                CudaStub.hold(Held.NONE);
                assertThat(next.getFloat(0)).isEqualTo(1);
            }
            return true;
        });
    }
}
