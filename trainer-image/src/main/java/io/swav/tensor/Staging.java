package io.swav.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Values in host memory on their way to arrays. Where a GPU computes it is pinned, so that the GPU fetches them while the
 * host goes on; then it is used once: closed, it waits in libtorch's hands until they were fetched.
 */
public final class Staging implements AutoCloseable {
    /** Owner of pinned memory. */
    private final Optional<NDManager> owner;

    private final Optional<NDArray> array;
    private final ByteBuffer bytes;

    private Staging(DataType type, long size, boolean once, boolean pinned) {
        this.owner = once ? Optional.of(Torch.host()) : Optional.empty();
        this.array = owner.map(manager -> allocate(manager, type, size, pinned));
        this.bytes = array.map(memory -> HostBytes.own(memory))
                .orElseGet(() -> ByteBuffer.allocateDirect(Math.toIntExact(size * type.getNumOfBytes())));
    }

    /** FLOAT32. */
    public static Staging of(long size) {
        boolean gpu = Torch.onGpu();
        return new Staging(DataType.FLOAT32, size, gpu || HostBytes.copies, gpu);
    }

    /** Used once wherever it is computed, so that what comes in many sizes goes back to libtorch when it is closed. */
    public static Staging once(DataType type, long size) {
        return new Staging(type, size, true, Torch.onGpu());
    }

    private static NDArray allocate(NDManager manager, DataType type, long size, boolean pinned) {
        return Interop.scoped(() -> Interop.give(
                manager,
                torch.empty(
                        new long[] {size},
                        new TensorOptions(HostBytes.scalars(type)).pinned_memory(new BoolOptional(pinned)),
                        new MemoryFormatOptional())));
    }

    /** To be written whole. */
    public ByteBuffer bytes() {
        return bytes.duplicate().order(ByteOrder.nativeOrder());
    }

    /** {@link #bytes} of FLOAT32. */
    public FloatBuffer values() {
        return bytes().asFloatBuffer();
    }

    /** Whether other values may be written after {@link #copyTo}; otherwise close it. */
    public boolean reusable() {
        return owner.isEmpty();
    }

    /** Gives {@code target}, of as many elements of the same type, these values; from pinned memory, as soon as it is its turn. */
    public void copyTo(NDArray target) {
        if (array.isPresent()) {
            Interop.scoped(() -> Interop.borrow(target).view(-1).copy_(Interop.borrow(array.get()), true));
        } else {
            HostBytes host = HostBytes.toFill(target);
            host.bytes().put(bytes());
            host.store();
        }
    }

    @Override
    public void close() {
        owner.ifPresent(NDManager::close);
    }
}
