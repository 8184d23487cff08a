package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;

/** Creates arrays in memory that libtorch does not own; the owner must keep it alive. */
public final class Foreign {
    private Foreign() {}

    /** A one-dimensional FLOAT32 array. */
    public static NDArray floats(NDManager manager, Pointer memory, long length) {
        return Interop.scoped(() -> Interop.give(manager, torch.from_blob(memory, length)));
    }
}
