package io.swav.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // AsOnDevice works by being open
class HostViewTest {
    @BeforeAll
    static void start() {
        TorchRuntime.start();
    }

    @Test
    void mapsExactlyOneLibtorch() {
        assertThat(TorchRuntime.mapped()).containsExactly(TorchRuntime.start());
    }

    @Test
    void sharesTheBytesOfAHostArray() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.create(new float[] {1, 2, 3, 4, 5, 6}, new Shape(2, 3));
            ByteBuffer view = HostView.of(array).bytes();
            assertThat(view.remaining()).isEqualTo(24);
            view.asFloatBuffer().put(4, -7f);
            array.muli(2);
            assertThat(array.toFloatArray()).containsExactly(2, 4, 6, 8, -14, 12);
            assertThat(view.asFloatBuffer().get(5)).isEqualTo(12f);
            HostView part = HostView.of(array, 1, 2);
            assertThat(part.shared()).isTrue();
            assertThat(part.bytes().asFloatBuffer().get(0)).isEqualTo(4f);
            assertThat(part.bytes().capacity()).isEqualTo(8);
            NDArray wide = manager.create(new long[] {1L << 40});
            assertThat(HostView.of(wide).bytes().getLong()).isEqualTo(1L << 40);
        }
    }

    /** The weights of a wide network are more bytes than a buffer has; pages that nobody writes take no memory. */
    @Test
    void viewsAPartOfAnArrayBeyondTwoGibibytes() {
        try (NDManager manager = NDManager.newBaseManager()) {
            long size = 600_000_000;
            NDArray array = TorchOps.empty(manager, size);
            NDArray end = TorchOps.rows(manager, array, size - 2, size);
            TorchOps.fill(end, 3);
            ByteBuffer view = HostView.of(array, size - 2, 2).bytes();
            assertThat(view.asFloatBuffer().get(1)).isEqualTo(3f);
            view.asFloatBuffer().put(1, 4f);
            assertThat(end.toFloatArray()).containsExactly(3, 4);
            assertThatThrownBy(() -> HostView.of(array)).hasMessageContaining("under 2 GiB");
        }
    }

    /** Uses libtorch's meta device, which has no memory: nothing can be read from it, and certainly not by address. */
    @Test
    void detectsTheDeviceOfAnArray() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray elsewhere = Interop.scoped(() -> Interop.give(
                    manager,
                    torch.empty(
                            new long[] {4},
                            new TensorOptions(torch.ScalarType.Float)
                                    .device(new DeviceOptional(new Device(torch.DeviceType.Meta))),
                            new MemoryFormatOptional())));
            assertThat(HostView.toFill(manager.zeros(new Shape(4))).shared()).isTrue();
            assertThat(HostView.toFill(elsewhere).shared()).isFalse();
            assertThatThrownBy(() -> HostView.of(elsewhere)).hasMessageContaining("meta");
        }
    }

    @Test
    void copiesOnlyOnLoadAndStore() {
        try (NDManager manager = NDManager.newBaseManager();
                AsOnDevice device = AsOnDevice.begin()) {
            NDArray array = manager.create(new float[] {1, 2, 3, 4, 5, 6}, new Shape(2, 3));
            HostView part = HostView.of(array, 2, 3);
            assertThat(part.shared()).isFalse();
            part.bytes().putFloat(-3f).putFloat(-4f); // moves the buffer's position, which load and store must ignore
            assertThat(array.toFloatArray()).containsExactly(1, 2, 3, 4, 5, 6);
            part.store();
            assertThat(array.toFloatArray()).containsExactly(1, 2, -3, -4, 5, 6);
            array.muli(2);
            assertThat(part.bytes().getFloat(8)).isEqualTo(5f);
            part.load();
            assertThat(part.bytes().getFloat(8)).isEqualTo(10f);
        }
    }

    @Test
    void transfersPinnedValuesAndUsesTheBufferOnceOnADevice() {
        try (NDManager manager = NDManager.newBaseManager()) {
            try (PinnedBuffer staged = PinnedBuffer.of(new Shape(2, 2))) {
                assertThat(staged.reusable()).isTrue();
                for (float first : new float[] {1, 5}) {
                    staged.values().clear().put(new float[] {first, 2, 3, 4});
                    assertThat(staged.toArray(manager).toFloatArray()).containsExactly(first, 2, 3, 4);
                }
            }
            NDArray array;
            try (AsOnDevice device = AsOnDevice.begin();
                    PinnedBuffer staged = PinnedBuffer.of(new Shape(2, 2))) {
                assertThat(staged.reusable()).isFalse();
                staged.values().put(new float[] {6, 7, 8, 9});
                array = staged.toArray(manager);
            }
            assertThat(array.toFloatArray()).containsExactly(6, 7, 8, 9);
        }
    }

    @Test
    void refusesArraysThatAreNotContiguous() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray transposed = manager.create(new float[6], new Shape(2, 3)).transpose();
            assertThatThrownBy(() -> HostView.of(transposed)).hasMessageContaining("contiguous");
        }
    }

    @Test
    void survivesGarbageCollection() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.ones(new Shape(1000, 100));
            ByteBuffer view = HostView.of(array).bytes();
            NDArray given = array;
            for (int i = 0; i < 200; i++) {
                given = Interop.scoped(
                        () -> Interop.give(manager, Interop.borrow(array).add(Interop.borrow(array))));
                Interop.borrow(array); // garbage immediately, outside any scope
                if (i % 20 == 0) {
                    System.gc();
                }
            }
            assertThat(given.sum().getFloat()).isEqualTo(200_000f);
            assertThat(view.asFloatBuffer().get(99_999)).isEqualTo(1f);
        }
    }
}
