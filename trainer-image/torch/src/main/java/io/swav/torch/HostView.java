package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Elements of an array as bytes in host memory, row-major, in native byte order: the only way from arrays to bytes. If
 * the array lies in host memory, the bytes are the array's own and nothing is copied. If it lies on a device, they are
 * a copy, and {@link #load} and {@link #store} bring either side up to date. The view keeps nothing alive: hold the
 * array.
 */
public final class HostView {
    /** For tests: copies as for a device, wherever the array lies. */
    static volatile boolean copies = false;

    private final NDArray array;
    private final long from;
    private final long count;
    private final boolean shared;
    private final ByteBuffer bytes;

    private HostView(NDArray array, long from, long count) {
        this.array = array;
        this.from = from;
        this.count = count;
        Tensor tensor = Interop.borrow(array);
        long width = tensor.element_size();
        if (!tensor.is_contiguous() || count * width > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("cannot view the bytes of " + array.getShape() + " "
                    + array.getDataType() + ": it must be contiguous, and " + count + " elements under 2 GiB");
        }
        this.shared = tensor.is_cpu() && !copies;
        ByteBuffer buffer = shared && count > 0
                ? memory(tensor, from * width, count * width)
                : ByteBuffer.allocateDirect((int) (count * width));
        this.bytes = buffer.order(ByteOrder.nativeOrder());
    }

    /**
     * A view of all elements, loaded.
     *
     * @throws IllegalArgumentException if the array is not contiguous, or the view is 2 GiB or larger
     */
    public static HostView of(NDArray array) {
        return of(array, 0, array.size());
    }

    /** A view of elements [from, from + count), loaded. */
    public static HostView of(NDArray array, long from, long count) {
        HostView view = toFill(array, from, count);
        view.load();
        return view;
    }

    /**
     * A view of all elements, to be written completely and then stored: the present values of the array are not loaded.
     */
    public static HostView toFill(NDArray array) {
        return toFill(array, 0, array.size());
    }

    /** A view of elements [from, from + count), to be written completely and then stored. */
    public static HostView toFill(NDArray array, long from, long count) {
        return Interop.scoped(() -> new HostView(array, from, count));
    }

    /** The memory of a contiguous array that certainly lies in host memory, even if a test sets {@link #copies}. */
    static ByteBuffer own(NDArray array) {
        return Interop.scoped(() -> {
            Tensor tensor = Interop.borrow(array);
            return memory(tensor, 0, tensor.numel() * tensor.element_size()).order(ByteOrder.nativeOrder());
        });
    }

    private static ByteBuffer memory(Tensor tensor, long from, long length) {
        BytePointer first = new BytePointer(tensor.data_ptr()).getPointer(from); // a buffer's positions are ints
        return first.capacity(length).asByteBuffer();
    }

    /** The bytes: position 0, limit and capacity are their number. */
    public ByteBuffer bytes() {
        return bytes;
    }

    /** Whether the bytes are the array's own, so that reads and writes go directly to the array. */
    public boolean shared() {
        return shared;
    }

    /** Copies the present values of the array to {@link #bytes}. */
    public void load() {
        if (!shared) {
            Interop.scoped(() -> whole().copy_(part()));
        }
    }

    /** Copies {@link #bytes} to the array. */
    public void store() {
        if (!shared) {
            Interop.scoped(() -> part().copy_(whole()));
        }
    }

    private Tensor part() {
        return Interop.borrow(array).view(-1).narrow(0, from, count);
    }

    private Tensor whole() {
        return over(bytes.duplicate().clear(), array.getDataType());
    }

    /** A tensor over the values in a direct buffer. */
    static Tensor over(ByteBuffer bytes, DataType type) {
        return torch.from_blob(
                new BytePointer(bytes.slice()),
                new long[] {bytes.remaining() / type.getNumOfBytes()},
                new TensorOptions(scalars(type)));
    }

    static torch.ScalarType scalars(DataType type) {
        return switch (type) {
            case FLOAT32 -> torch.ScalarType.Float;
            case FLOAT64 -> torch.ScalarType.Double;
            case INT64 -> torch.ScalarType.Long;
            case UINT8 -> torch.ScalarType.Byte;
            default ->
                throw new IllegalArgumentException("values of type " + type + " in host memory are not supported");
        };
    }
}
