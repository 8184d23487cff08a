package io.swav.collective;

import ai.djl.ndarray.types.DataType;
import io.swav.tensor.Memory;
import java.nio.ByteBuffer;

/** Elementwise {@code into = into ∘ other} over host memory, by libtorch's kernels. */
enum Reduction {
    SUM,
    MIN;

    void apply(ByteBuffer into, ByteBuffer other, DataType type) {
        if (this == SUM) {
            Memory.add(into, other, type);
        } else {
            Memory.min(into, other, type);
        }
    }
}
