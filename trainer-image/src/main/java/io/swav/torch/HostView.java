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
 * Elements of an array as bytes in host memory, row-major, native byte order: the one way from arrays to bytes. Where the
 * array lies in host memory they are the array's own, and nothing is copied; where it lies on a device they are a copy,
 * which {@link #load} and {@link #store} bring up to date on either side. It keeps nothing alive: hold the array.
 */
public final class HostView {
    /** For tests: copies as for a device, whatever the array. */
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
        if (!tensor.is_contiguous() || (from + count) * width > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("no bytes of " + array.getShape() + " " + array.getDataType()
                    + ": it must be contiguous and under 2 GiB");
        }
        this.shared = tensor.is_cpu() && !copies;
        ByteBuffer buffer = shared && count > 0
                ? memory(tensor, (from + count) * width).slice((int) (from * width), (int) (count * width))
                : ByteBuffer.allocateDirect((int) (count * width));
        this.bytes = buffer.order(ByteOrder.nativeOrder());
    }

    /**
     * Of all elements.
     *
     * @throws IllegalArgumentException when the array is not contiguous, or 2 GiB or larger
     */
    public static HostView of(NDArray array) {
        return of(array, 0, array.size());
    }

    /** Of elements [from, from + count). */
    public static HostView of(NDArray array, long from, long count) {
        HostView made = toFill(array, from, count);
        made.load();
        return made;
    }

    /** Of all elements, to be written whole and then stored: what the array holds need not be there before. */
    public static HostView toFill(NDArray array) {
        return toFill(array, 0, array.size());
    }

    /** Of elements [from, from + count), to be written whole and then stored. */
    public static HostView toFill(NDArray array, long from, long count) {
        return Interop.scoped(() -> new HostView(array, from, count));
    }

    /** The memory of a contiguous array that lies in host memory for certain, whatever tests want. */
    static ByteBuffer own(NDArray array) {
        return Interop.scoped(() -> {
            Tensor tensor = Interop.borrow(array);
            return memory(tensor, tensor.numel() * tensor.element_size()).order(ByteOrder.nativeOrder());
        });
    }

    private static ByteBuffer memory(Tensor tensor, long length) {
        return new BytePointer(tensor.data_ptr()).position(0).capacity(length).asByteBuffer();
    }

    /** Position 0, limit and capacity the bytes' number. */
    public ByteBuffer bytes() {
        return bytes;
    }

    /** Whether they are the array's own, so that reads and writes go to it. */
    public boolean shared() {
        return shared;
    }

    /** Copies what the array holds now to {@link #bytes}. */
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

    /** The values in a direct buffer as a tensor over them. */
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
            default -> throw new IllegalArgumentException("no values of " + type + " in host memory");
        };
    }
}
