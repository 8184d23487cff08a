package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Converts between DJL's NDArray and JavaCPP's Tensor. Both are an {@code at::Tensor*}, so passing one for the other
 * copies nothing.
 */
final class Interop {
    static {
        TorchRuntime.start();
    }

    private Interop() {}

    /** A Tensor over the array's handle. It does not own the handle: use it only while {@code array} is open. */
    static Tensor borrow(NDArray array) {
        return new Tensor(new RawPointer(((PtNDArray) array).getHandle()));
    }

    /**
     * Hands a Tensor over to {@code manager}, which frees it from now on; the {@code tensor} object itself still
     * belongs to the caller.
     */
    static NDArray give(NDManager manager, Tensor tensor) {
        Tensor owned = new Tensor(tensor);
        owned.retainReference(); // otherwise the enclosing PointerScope frees it
        owned.deallocate(false); // otherwise the garbage collector does
        return new PtNDArray((PtNDManager) manager, owned.address());
    }

    /** Runs {@code body} and frees every JavaCPP object that it created; arrays given to an NDManager stay. */
    @SuppressWarnings("try") // the scope takes effect by being open
    static <T> T scoped(Supplier<T> body) {
        try (PointerScope scope = new PointerScope()) {
            return body.get();
        }
    }
}
