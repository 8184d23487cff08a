package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** DJL's NDArray and JavaCPP's Tensor are both an {@code at::Tensor*}; passing one for the other copies nothing. */
final class Interop {
    static {
        TorchRuntime.start();
    }

    private Interop() {}

    /** A Tensor over the array's handle. It does not own: use it only while {@code array} is open. */
    static Tensor borrow(NDArray array) {
        return new Tensor(new RawPointer(((PtNDArray) array).getHandle()));
    }

    /** Hands a Tensor over to {@code manager}, which frees it from now on; {@code tensor} itself stays the caller's. */
    static NDArray give(NDManager manager, Tensor tensor) {
        Tensor owned = new Tensor(tensor);
        owned.retainReference(); // or the enclosing PointerScope frees it
        owned.deallocate(false); // or the garbage collector does
        return new PtNDArray((PtNDManager) manager, owned.address());
    }

    /** Runs {@code body} and frees every JavaCPP object it made; what it gave to an NDManager stays. */
    @SuppressWarnings("try") // the scope works by being open
    static <T> T scoped(Supplier<T> body) {
        try (PointerScope scope = new PointerScope()) {
            return body.get();
        }
    }
}
