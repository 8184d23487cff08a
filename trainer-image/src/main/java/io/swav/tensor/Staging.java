package io.swav.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * FLOAT32 values in host memory on their way to arrays. Where a GPU computes it is pinned, so that the GPU fetches them
 * while the host goes on; then it is used once: closed, it waits in libtorch's hands until they were fetched.
 */
public final class Staging implements AutoCloseable {
    /** Owner of pinned memory. */
    private final Optional<NDManager> owner;

    private final Optional<NDArray> array;
    private final FloatBuffer values;

    private Staging(long size, boolean once, boolean pinned) {
        this.owner = once ? Optional.of(Torch.host()) : Optional.empty();
        this.array = owner.map(manager -> allocate(manager, size, pinned));
        this.values = array.map(memory -> HostBytes.own(memory))
                .orElseGet(() -> ByteBuffer.allocateDirect(Math.toIntExact(size * Float.BYTES))
                        .order(ByteOrder.nativeOrder()))
                .asFloatBuffer();
    }

    public static Staging of(long size) {
        boolean gpu = Torch.onGpu();
        return new Staging(size, gpu || HostBytes.copies, gpu);
    }

    private static NDArray allocate(NDManager manager, long size, boolean pinned) {
        return Interop.scoped(() -> Interop.give(
                manager,
                torch.empty(
                        new long[] {size},
                        new TensorOptions(torch.ScalarType.Float).pinned_memory(new BoolOptional(pinned)),
                        new MemoryFormatOptional())));
    }

    /** To be written whole; its position and limit mean nothing here. */
    public FloatBuffer values() {
        return values;
    }

    /** Whether other values may be written after {@link #copyTo}; otherwise close it. */
    public boolean reusable() {
        return owner.isEmpty();
    }

    /** Gives {@code target}, FLOAT32 with as many elements, these values; from pinned memory, as soon as it is its turn. */
    public void copyTo(NDArray target) {
        if (array.isPresent()) {
            Interop.scoped(() -> Interop.borrow(target).view(-1).copy_(Interop.borrow(array.get()), true));
        } else {
            HostBytes host = HostBytes.toFill(target);
            host.bytes().asFloatBuffer().put(values.duplicate().clear());
            host.store();
        }
    }

    @Override
    public void close() {
        owner.ifPresent(NDManager::close);
    }
}
