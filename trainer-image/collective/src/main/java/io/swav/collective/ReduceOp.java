package io.swav.collective;

import ai.djl.ndarray.types.DataType;
import io.swav.torch.TensorMemory;
import java.nio.ByteBuffer;

/** Elementwise {@code into = into ∘ other} over host memory, by libtorch's kernels. */
enum ReduceOp {
    SUM,
    MIN;

    void apply(ByteBuffer into, ByteBuffer other, DataType type) {
        if (this == SUM) {
            TensorMemory.add(into, other, type);
        } else {
            TensorMemory.min(into, other, type);
        }
    }
}
