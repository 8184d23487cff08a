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
 * Values in host memory on their way to arrays. Where a GPU computes it is pinned, so that the GPU fetches them while the
 * host goes on; then it is used once: closed, it is not free before they were fetched, by libtorch, which sees to that
 * itself, or by a {@link CopyStream}.
 */
public final class PinnedBuffer implements AutoCloseable {
    /** Owner of pinned memory. */
    private final Optional<NDManager> owner;

    private final Optional<NDArray> array;
    private final ByteBuffer bytes;
    private final DataType type;
    private final Shape shape;
    private Optional<CopyStream.Transfer> ahead = Optional.empty();

    private PinnedBuffer(DataType type, Shape shape, boolean once, boolean pinned) {
        long size = shape.size();
        this.type = type;
        this.shape = shape;
        this.owner = once ? Optional.of(TorchRuntime.host()) : Optional.empty();
        this.array = owner.map(manager -> allocate(manager, type, size, pinned));
        this.bytes = array.map(memory -> HostView.own(memory))
                .orElseGet(() -> ByteBuffer.allocateDirect(Math.toIntExact(size * type.getNumOfBytes())));
    }

    /** FLOAT32. */
    public static PinnedBuffer of(Shape shape) {
        boolean gpu = TorchRuntime.onGpu();
        return new PinnedBuffer(DataType.FLOAT32, shape, gpu || HostView.copies, gpu);
    }

    /** Used once wherever it is computed, so that what comes in many sizes goes back to libtorch when it is closed. */
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

    /** To be written whole. */
    public ByteBuffer bytes() {
        return bytes.duplicate().order(ByteOrder.nativeOrder());
    }

    /** {@link #bytes} of FLOAT32. */
    public FloatBuffer values() {
        return bytes().asFloatBuffer();
    }

    /** Whether other values may be written after {@link #toArray}; otherwise close it. */
    public boolean reusable() {
        return owner.isEmpty();
    }

    /** Once all is written: begins to bring it to the device for the next {@link #toArray}. One time; not where it is reusable. */
    public void prefetch(CopyStream copies) {
        if (ahead.isEmpty()) {
            ahead = array.map(memory -> copies.begin(owner.orElseThrow(), memory, shape));
        }
    }

    /** A new array of these values, as often as it is asked for; from pinned memory, as soon as it is the copy's turn. */
    public NDArray toArray(NDManager manager) {
        Optional<CopyStream.Transfer> waiting = ahead.filter(transfer -> !transfer.taken());
        if (waiting.isPresent()) {
            return waiting.get().take(manager);
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
        ahead.ifPresentOrElse(CopyStream.Transfer::end, () -> owner.ifPresent(NDManager::close));
    }
}
