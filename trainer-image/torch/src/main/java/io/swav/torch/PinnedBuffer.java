package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Values in host memory on their way to arrays. If a GPU computes, the memory is pinned, so that the GPU fetches the
 * values while the host continues. Such a buffer is used once: after {@link #close}, its memory is freed only when the
 * values were fetched, either by libtorch, which ensures that itself, or by a {@link CopyStream}.
 */
public final class PinnedBuffer implements AutoCloseable {
    /** The owner of the memory, if it is used once. */
    private final Optional<NDManager> owner;

    private final Optional<NDArray> array;
    private final ByteBuffer bytes;
    private final DataType type;
    private final Shape shape;
    private Optional<CopyStream.DeviceCopy> ahead = Optional.empty();

    private PinnedBuffer(DataType type, Shape shape, boolean once, boolean pinned) {
        long size = shape.size();
        this.type = type;
        this.shape = shape;
        this.owner = once ? Optional.of(TorchRuntime.host()) : Optional.empty();
        this.array = owner.map(manager -> allocate(manager, type, size, pinned));
        this.bytes = array.map(memory -> HostView.own(memory))
                .orElseGet(() -> ByteBuffer.allocateDirect(Math.toIntExact(size * type.getNumOfBytes())));
    }

    /** A buffer for FLOAT32 values, reusable unless a GPU fetches them. */
    public static PinnedBuffer of(Shape shape) {
        boolean gpu = TorchRuntime.onGpu();
        return new PinnedBuffer(DataType.FLOAT32, shape, gpu || HostView.copies, gpu);
    }

    /**
     * A buffer that is used once on any device, so that memory of many different sizes returns to libtorch when the
     * buffer is closed.
     */
    public static PinnedBuffer once(DataType type, long size) {
        return new PinnedBuffer(type, new Shape(size), true, TorchRuntime.onGpu());
    }

    private static NDArray allocate(NDManager manager, DataType type, long size, boolean pinned) {
        return Interop.scoped(() -> Interop.give(
                manager,
                torch.empty(
                        new long[] {size},
                        new TensorOptions(HostView.scalars(type)).pinned_memory(new BoolOptional(pinned)),
                        new MemoryFormatOptional())));
    }

    /** The bytes, to be written completely. */
    public ByteBuffer bytes() {
        return bytes.duplicate().order(ByteOrder.nativeOrder());
    }

    /** {@link #bytes} as FLOAT32 values. */
    public FloatBuffer values() {
        return bytes().asFloatBuffer();
    }

    /** Whether new values may be written after {@link #toArray}; if not, close the buffer. */
    public boolean reusable() {
        return owner.isEmpty();
    }

    /**
     * Begins the copy to the device that the next {@link #toArray} will return. Call it once, after all values were
     * written; it does nothing if the buffer is reusable.
     */
    public void prefetch(CopyStream copies) {
        if (ahead.isEmpty()) {
            ahead = array.map(memory -> copies.begin(owner.orElseThrow(), memory, shape));
        }
    }

    /**
     * Returns a new array of these values; may be called repeatedly. From pinned memory the values arrive
     * asynchronously, in stream order.
     */
    public NDArray toArray(NDManager manager) {
        Optional<CopyStream.DeviceCopy> prefetched = ahead.filter(transfer -> !transfer.taken());
        if (prefetched.isPresent()) {
            return prefetched.get().take(manager);
        }
        NDArray target = manager.create(shape, type);
        if (array.isPresent()) {
            Interop.scoped(() -> Interop.borrow(target).view(-1).copy_(Interop.borrow(array.get()), true));
        } else {
            HostView host = HostView.toFill(target);
            host.bytes().put(bytes());
            host.store();
        }
        return target;
    }

    @Override
    public void close() {
        ahead.ifPresentOrElse(CopyStream.DeviceCopy::end, () -> owner.ifPresent(NDManager::close));
    }
}
