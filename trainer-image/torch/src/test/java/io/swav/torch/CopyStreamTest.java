package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.CudaStub.Held;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Uses a CUDA runtime in which nothing happens until a thread waits for it, or the test releases it. */
class CopyStreamTest {
    private static final int SIZE = 200;

    private NDManager manager;
    private CopyStream copies;
    private long leftBefore;

    @BeforeEach
    void open() {
        manager = TorchRuntime.host();
        CudaStub.copies().close();
        leftBefore = CudaStub.left();
        copies = CudaStub.copies();
    }

    @AfterEach
    void close() {
        CudaStub.hold(Held.NONE);
        copies.close();
        assertThat(CudaStub.left()).isEqualTo(leftBefore);
        manager.close();
    }

    /** A copy in progress, of an array filled with one value. */
    private final class Begun {
        final float value;
        final NDManager owner = TorchRuntime.host();
        final NDArray pinned = filled(owner, 0);
        final CopyStream.DeviceCopy transfer;

        Begun(float value) {
            this.value = value;
            TorchOps.fill(pinned, value);
            transfer = copies.begin(owner, pinned, new Shape(2, SIZE / 2));
        }
    }

    private static NDArray filled(NDManager manager, float value) {
        NDArray array = manager.create(new Shape(SIZE));
        TorchOps.fill(array, value);
        return array;
    }

    /** A computation of the device: a copy of an array with the values that it finds when its turn comes. */
    private NDArray computed(NDArray from) {
        NDArray result = filled(manager, -1);
        int put = cudart.cudaMemcpyAsync(pointer(result), pointer(from), SIZE * 4L, cudart.cudaMemcpyDefault, null);
        assertThat(put).isZero();
        return result;
    }

    private static Pointer pointer(NDArray array) {
        return new BytePointer(HostView.own(array));
    }

    private static void assertFilledWith(NDArray array, float value) {
        float[] all = new float[SIZE];
        Arrays.fill(all, value);
        assertThat(array.toFloatArray()).isEqualTo(all);
    }

    @Test
    void copyWaitsForEarlierUsesOfItsMemory() {
        CudaStub.hold(Held.LIBTORCH);
        Begun begun = new Begun(7);
        NDArray array = begun.transfer.take(manager);
        TorchOps.fill(array, 3); // as an earlier user of this memory would
        CudaStub.hold(Held.LIBTORCH);
        assertFilledWith(array, 3);
        CudaStub.hold(Held.NONE);
        assertFilledWith(array, 7);
        begun.transfer.end();
    }

    @Test
    void deviceWaitsForTheCopyButTheHostDoesNot() {
        CudaStub.hold(Held.COPIES);
        Begun begun = new Begun(7);
        CudaStub.hold(Held.ALL);
        NDArray array = begun.transfer.take(manager);
        assertThat(array.getShape()).isEqualTo(new Shape(2, SIZE / 2));
        assertThat(array.getManager()).isSameAs(manager);
        NDArray result = computed(array);
        CudaStub.hold(Held.COPIES);
        assertFilledWith(result, -1);
        CudaStub.hold(Held.NONE);
        assertFilledWith(result, 7);
        begun.transfer.end();
    }

    @Test
    void freesAnUntakenArrayWhenTheCopyIsOver() {
        CudaStub.hold(Held.COPIES);
        Begun dropped = new Begun(7);
        NDArray array = copies.arrays.getManagedArrays().get(0);
        dropped.transfer.end();
        new Begun(8).transfer.end();
        assertThat(copies.arrays.getManagedArrays()).hasSize(2).contains(array);
        CudaStub.hold(Held.NONE);
        new Begun(9).transfer.end();
        assertThat(copies.arrays.getManagedArrays()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void freesPinnedMemoryWhenTheCopyIsOver(boolean taken) {
        CudaStub.hold(Held.COPIES);
        Begun begun = new Begun(7);
        CudaStub.hold(Held.ALL);
        if (taken) {
            begun.transfer.take(manager);
        }
        begun.transfer.end();
        assertThat(begun.owner.isOpen()).isTrue();
        assertFilledWith(begun.pinned, 7);
        CudaStub.hold(Held.NONE);
        new Begun(8).transfer.end();
        assertThat(begun.owner.isOpen()).isFalse();
    }

    @Test
    void closeWaitsForCopies() throws InterruptedException {
        NDManager owner = TorchRuntime.host();
        Thread later = new Thread(() -> {
            LockSupport.parkNanos(200_000_000);
            CudaStub.hold(Held.NONE);
        });
        try (CopyStream own = CudaStub.copies()) {
            CudaStub.hold(Held.LIBTORCH); // the copy cannot begin while libtorch's stream is held
            own.begin(owner, filled(owner, 7), new Shape(SIZE)).end();
            assertThat(owner.isOpen()).isTrue();
            later.start();
        }
        assertThat(owner.isOpen()).isFalse();
        later.join();
    }

    /** Freed pinned memory is soon reused, so memory that is freed or read too early has other values. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void isCorrectInAnyOrderOfExecution(int seed) {
        Random random = new Random(seed);
        List<Held> any = List.of(Held.values());
        List<NDArray> results = new ArrayList<>();
        List<Float> expected = new ArrayList<>();
        List<Begun> open = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            CudaStub.hold(any.get(random.nextInt(any.size())));
            CudaStub.hold(Held.ALL);
            float value = 2 * i;
            switch (open.size() > 4 ? 1 + random.nextInt(2) : random.nextInt(4)) {
                case 0 -> open.add(new Begun(value));
                case 1 -> {
                    if (!open.isEmpty()) { // the array is taken
                        Begun begun = open.remove(random.nextInt(open.size()));
                        expected.add(begun.value);
                        NDArray array = begun.transfer.take(manager);
                        results.add(computed(array));
                        begun.transfer.end();
                    }
                }
                case 2 -> {
                    if (!open.isEmpty()) { // the array is not taken
                        open.remove(random.nextInt(open.size())).transfer.end();
                    }
                }
                default -> { // the device computes something else
                    NDArray array = filled(manager, value + 1);
                    results.add(computed(array));
                    expected.add(value + 1);
                }
            }
        }
        open.forEach(begun -> begun.transfer.end());
        CudaStub.hold(Held.NONE);
        for (int i = 0; i < results.size(); i++) {
            assertFilledWith(results.get(i), expected.get(i));
        }
    }
}
