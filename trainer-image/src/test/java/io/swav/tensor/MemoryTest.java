package io.swav.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class MemoryTest {
    @BeforeAll
    static void start() {
        Torch.start();
    }

    @Test
    void oneLibtorchIsMapped() {
        assertThat(Torch.mapped()).containsExactly(Torch.start());
    }

    @Test
    void viewSharesTheArraysBytes() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.create(new float[] {1, 2, 3, 4, 5, 6}, new Shape(2, 3));
            ByteBuffer view = Memory.view(array);
            assertThat(view.remaining()).isEqualTo(24);
            view.asFloatBuffer().put(4, -7f);
            array.muli(2);
            assertThat(array.toFloatArray()).containsExactly(2, 4, 6, 8, -14, 12);
            assertThat(view.asFloatBuffer().get(5)).isEqualTo(12f);
            assertThat(Memory.view(manager.create(new long[] {1L << 40})).getLong())
                    .isEqualTo(1L << 40);
        }
    }

    @Test
    void refusesWhatHasNoBytesInOrder() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray transposed = manager.create(new float[6], new Shape(2, 3)).transpose();
            assertThatThrownBy(() -> Memory.view(transposed)).hasMessageContaining("contiguous");
        }
    }

    @Test
    void survivesForcedCollections() {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = manager.ones(new Shape(1000, 100));
            ByteBuffer view = Memory.view(array);
            NDArray given = array;
            for (int i = 0; i < 200; i++) {
                given = Interop.scoped(
                        () -> Interop.give(manager, Interop.borrow(array).add(Interop.borrow(array))));
                Interop.borrow(array); // garbage at once, outside any scope
                if (i % 20 == 0) {
                    System.gc();
                }
            }
            assertThat(given.sum().getFloat()).isEqualTo(200_000f);
            assertThat(view.asFloatBuffer().get(99_999)).isEqualTo(1f);
        }
    }
}
