package io.swav.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.nio.ByteBuffer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Arithmetic on parts of arrays and on bytes in host memory, and the address of an array on its device. */
public final class TensorMemory {
    private TensorMemory() {}

    /**
     * The address of element {@code from} of a contiguous array on its device, for libraries that compute there. It
     * keeps nothing alive: hold the array. To read or write bytes, use {@link HostView}.
     *
     * @throws IllegalArgumentException if the array is not contiguous
     */
    public static long address(NDArray array, long from) {
        return Interop.scoped(() -> {
            Tensor tensor = Interop.borrow(array);
            if (!tensor.is_contiguous()) {
                throw new IllegalArgumentException(
                        "an array of shape " + array.getShape() + " has no single address: it is not contiguous");
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

    /** The elements [from, from + count) of a one-dimensional array, on any device. */
    public record Part(NDArray flat, long from, long count) {
        private Tensor tensor() {
            return Interop.borrow(flat).narrow(0, from, count);
        }
    }

    /**
     * The number of elements of a FLOAT32 array that hold {@code count} bfloat16 values; DJL has no arrays of that
     * type.
     */
    public static long packed(long count) {
        return (count + 1) / 2;
    }

    /** Writes {@code values}, rounded to bfloat16, into {@link #packed} elements of {@code room} from {@code at} on. */
    public static void pack(Part values, NDArray room, long at) {
        Interop.scoped(() -> halves(room, at, values.count()).copy_(values.tensor()));
    }

    /** Reads the values that {@link #pack} wrote. */
    public static void unpack(NDArray room, long at, Part values) {
        Interop.scoped(() -> values.tensor().copy_(halves(room, at, values.count())));
    }

    /** Adds the values that {@link #pack} wrote to float32 values. */
    public static void addPacked(Part into, NDArray room, long at) {
        Interop.scoped(() -> torch.add_out(into.tensor(), into.tensor(), halves(room, at, into.count())));
    }

    private static Tensor halves(NDArray room, long at, long count) {
        return Interop.borrow(room)
                .narrow(0, at, packed(count))
                .view(torch.ScalarType.BFloat16)
                .narrow(0, 0, count);
    }

    /** {@code into} = {@code left} + {@code right}; {@code into} may be one of the two. */
    public static void add(Part into, Part left, Part right) {
        Interop.scoped(() -> torch.add_out(into.tensor(), left.tensor(), right.tensor()));
    }
}
