package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;

/** Arrays in memory that is not libtorch's, and stays its owner's. */
public final class Foreign {
    private Foreign() {}

    /** FLOAT32, of one dimension. */
    public static NDArray floats(NDManager manager, Pointer memory, long length) {
        return Interop.scoped(() -> Interop.give(manager, torch.from_blob(memory, length)));
    }
}
