package io.swav.torch;

import static io.swav.torch.Interop.borrow;
import static io.swav.torch.Interop.give;
import static io.swav.torch.Interop.scoped;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A number over the bits of arrays, computed where they are: the sum of their 64-bit words modulo 2⁶⁴, which changes if
 * any one bit does. It is computed at the speed of memory, once a step, and tells replicas of one state apart: the sums differ for certain if
 * one bit does, and with a probability of 1 − 2⁻⁵² if more do. It is no defence against forgery.
 */
public final class StateSum {
    /** Every integer up to this many bits is exact as a double, and so is its negative. */
    private static final int BITS = 52;
    /** Odd, so that multiplying by it loses nothing: equal changes of two arrays do not cancel. */
    private static final long FACTOR = 0x9E3779B97F4A7C15L;

    private StateSum() {}

    /**
     * Returns a sum over contiguous FLOAT32 arrays of an even number of elements and INT64 arrays, as a FLOAT64 array of
     * two elements: a whole number s below 2⁵², and −s. The minimum over all ranks is (least s, −greatest s), so the ranks
     * agree if and only if its elements add up to 0. The host does not wait for the device.
     */
    public static NDArray of(NDManager manager, List<NDArray> arrays) {
        return scoped(() -> {
            Tensor sum = words(arrays.get(0)).sum();
            for (NDArray array : arrays.subList(1, arrays.size())) {
                sum = sum.mul(new Scalar(FACTOR)).add(words(array).sum());
            }
            Tensor kept = sum.mul(new Scalar(FACTOR)) // carries a change of the lowest bits to the highest
                    .__rshift__(new Scalar((long) (Long.SIZE - BITS)))
                    .bitwise_and(new Scalar((1L << BITS) - 1))
                    .to(torch.ScalarType.Double);
            TensorVector both = new TensorVector();
            both.push_back(kept);
            both.push_back(kept.neg());
            return give(manager, torch.stack(both, 0));
        });
    }

    private static Tensor words(NDArray array) {
        return borrow(array).view(-1).view(torch.ScalarType.Long);
    }
}
