package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.nio.ByteBuffer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Arithmetic on parts of arrays and on bytes in host memory, and where an array lies on its device. */
public final class TensorMemory {
    private TensorMemory() {}

    /**
     * Where element {@code from} of a contiguous array lies, on its device, for libraries that compute there; nothing is
     * kept alive: hold the array. For bytes to read or write there is {@link HostView}.
     *
     * @throws IllegalArgumentException when the array is not contiguous
     */
    public static long address(NDArray array, long from) {
        return Interop.scoped(() -> {
            Tensor tensor = Interop.borrow(array);
            if (!tensor.is_contiguous()) {
                throw new IllegalArgumentException("no address of " + array.getShape() + ": it is not contiguous");
            }
            return tensor.data_ptr().address() + from * tensor.element_size();
        });
    }

    /** {@code into += other}, elementwise over direct buffers. */
    public static void add(ByteBuffer into, ByteBuffer other, DataType type) {
        Interop.scoped(() -> {
            Tensor sum = HostView.over(into, type);
            return torch.add_out(sum, sum, HostView.over(other, type));
        });
    }

    /** {@code into = min(into, other)}, elementwise over direct buffers. */
    public static void min(ByteBuffer into, ByteBuffer other, DataType type) {
        Interop.scoped(() -> {
            Tensor least = HostView.over(into, type);
            return torch.minimum_out(least, least, HostView.over(other, type));
        });
    }

    /** The elements [from, from + count) of an array of one dimension, on whatever device it lies. */
    public record Part(NDArray flat, long from, long count) {
        private Tensor tensor() {
            return Interop.borrow(flat).narrow(0, from, count);
        }
    }

    /** Elements of a FLOAT32 array that have room for {@code count} of bfloat16: DJL has no arrays of that type. */
    public static long packed(long count) {
        return (count + 1) / 2;
    }

    /** Writes {@code values}, rounded to bfloat16, into {@link #packed} elements of {@code room} from {@code at} on. */
    public static void pack(Part values, NDArray room, long at) {
        Interop.scoped(() -> halves(room, at, values.count()).copy_(values.tensor()));
    }

    /** What {@link #pack} has written. */
    public static void unpack(NDArray room, long at, Part values) {
        Interop.scoped(() -> values.tensor().copy_(halves(room, at, values.count())));
    }

    /** Adds what {@link #pack} has written to float32 values. */
    public static void addPacked(Part into, NDArray room, long at) {
        Interop.scoped(() -> torch.add_out(into.tensor(), into.tensor(), halves(room, at, into.count())));
    }

    private static Tensor halves(NDArray room, long at, long count) {
        return Interop.borrow(room)
                .narrow(0, at, packed(count))
                .view(torch.ScalarType.BFloat16)
                .narrow(0, 0, count);
    }

    /** {@code into} = {@code left} + {@code right}; it may be one of them. */
    public static void add(Part into, Part left, Part right) {
        Interop.scoped(() -> torch.add_out(into.tensor(), left.tensor(), right.tensor()));
    }
}
