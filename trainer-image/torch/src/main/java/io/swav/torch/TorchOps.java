package io.swav.torch;

import static io.swav.torch.Interop.borrow;
import static io.swav.torch.Interop.give;
import static io.swav.torch.Interop.scoped;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;

/**
 * Arithmetic, products and views of DJL arrays by libtorch's kernels; the host waits for the device only in {@link
 * #read}. Results belong to the given manager. Nothing here records an autograd graph.
 */
public final class TorchOps {
    private TorchOps() {}

    /** x·weightᵀ, plus the bias if given: (N, in), (out, in), (out) to (N, out). */
    public static NDArray linear(
            NDManager manager, Precision precision, NDArray x, NDArray weight, Optional<NDArray> bias) {
        return scoped(() -> {
            Tensor operand = precision.in(borrow(x));
            Tensor factors = precision.in(borrow(weight));
            return give(
                    manager,
                    precision.out(
                            bias.isPresent()
                                    ? torch.linear(
                                            operand, factors, new TensorOptional(precision.in(borrow(bias.get()))))
                                    : torch.linear(operand, factors)));
        });
    }

    /** a·b of matrices. */
    public static NDArray matmul(NDManager manager, Precision precision, NDArray a, NDArray b) {
        return scoped(() -> give(manager, precision.out(torch.mm(precision.in(borrow(a)), precision.in(borrow(b))))));
    }

    /** aᵀ·b of matrices. */
    public static NDArray matmulTransposed(NDManager manager, Precision precision, NDArray a, NDArray b) {
        return scoped(() ->
                give(manager, precision.out(torch.mm(precision.in(borrow(a)).t(), precision.in(borrow(b))))));
    }

    /**
     * The gradient of the mean cross-entropy of softmax, with respect to the scores: (softmax(scores) − one-hot(labels))/B.
     *
     * @param scoresBC (B, C)
     * @param labelsB (B) INT64, in [0, C)
     * @return (B, C)
     */
    public static NDArray crossEntropyGradient(NDManager manager, NDArray scoresBC, NDArray labelsB) {
        return scoped(() -> {
            Tensor slopes = torch.softmax(borrow(scoresBC), 1);
            Tensor columns = borrow(labelsB).view(-1, 1);
            Tensor minusOnes = torch.full_like(columns, new Scalar(-1)).to(torch.ScalarType.Float);
            slopes.scatter_add_(1, columns, minusOnes); // one place in each row, so the order of additions is no matter
            return give(manager, slopes.div_(new Scalar((double) slopes.size(0))));
        });
    }

    /**
     * Writes the values of {@code source} into the storage of {@code target}, which has the same shape; views keep
     * sharing that storage.
     */
    public static void copy(NDArray source, NDArray target) {
        scoped(() -> borrow(target).copy_(borrow(source)));
    }

    /** Returns an array of the same shape, type and layout, with undefined values. */
    public static NDArray emptyLike(NDManager manager, NDArray array) {
        return scoped(() -> give(manager, torch.empty_like(borrow(array))));
    }

    /**
     * Returns a FLOAT32 array (size) with undefined values. The memory of a large array is taken page by page as it is
     * written.
     */
    public static NDArray empty(NDManager manager, long size) {
        return manager.create(new Shape(size));
    }

    /** Sets elements [from, to) of a flat array to zero. */
    public static void clear(NDArray flat, long from, long to) {
        if (to > from) {
            scoped(() -> borrow(flat).narrow(0, from, to - from).zero_());
        }
    }

    /** Returns a second handle to the same storage, which lives until both are closed. */
    public static NDArray share(NDManager manager, NDArray array) {
        return scoped(() -> give(manager, borrow(array)));
    }

    /** Returns a copy in a storage of its own. */
    public static NDArray clone(NDManager manager, NDArray array) {
        return scoped(() -> give(manager, torch.clone(borrow(array))));
    }

    /**
     * x·factor in place. DJL's own operators turn a number into an array on the device first, and the host waits for
     * that.
     */
    public static void scale(NDArray x, double factor) {
        scoped(() -> borrow(x).mul_(new Scalar(factor)));
    }

    /** x·factor. */
    public static NDArray scaled(NDManager manager, NDArray x, double factor) {
        return scoped(() -> give(manager, borrow(x).mul(new Scalar(factor))));
    }

    /** x/divisor in place. */
    public static void divide(NDArray x, double divisor) {
        scoped(() -> borrow(x).div_(new Scalar(divisor)));
    }

    /** x/divisor. */
    public static NDArray divided(NDManager manager, NDArray x, double divisor) {
        return scoped(() -> give(manager, borrow(x).div(new Scalar(divisor))));
    }

    /** 1/√(x + number), computed in double precision and rounded once. */
    public static NDArray inverseRoot(NDManager manager, NDArray x, double number) {
        return scoped(() -> give(
                manager,
                borrow(x)
                        .to(torch.ScalarType.Double)
                        .add(new Scalar(number))
                        .sqrt()
                        .reciprocal()
                        .to(torch.ScalarType.Float)));
    }

    /** max(x, least) in place; NaN stays. */
    public static void atLeast(NDArray x, double least) {
        scoped(() -> borrow(x).clamp_min_(new Scalar(least)));
    }

    /** min(x, most) in place; NaN stays. */
    public static void atMost(NDArray x, double most) {
        scoped(() -> borrow(x).clamp_max_(new Scalar(most)));
    }

    /** x + number in place. */
    public static void add(NDArray x, double number) {
        scoped(() -> borrow(x).add_(new Scalar(number)));
    }

    /** x + number in place, for integers. */
    public static void add(NDArray x, long number) {
        scoped(() -> borrow(x).add_(new Scalar(number)));
    }

    /** Sets every element to {@code value}. */
    public static void fill(NDArray x, double value) {
        scoped(() -> borrow(x).fill_(new Scalar(value)));
    }

    /** {@code target += factor·source}, in place. */
    public static void addScaled(NDArray target, NDArray source, double factor) {
        scoped(() -> borrow(target).add_(borrow(source), new Scalar(factor)));
    }

    /** Elements [from, from + product(shape)) of a flat array as {@code shape}, sharing its storage. */
    public static NDArray view(NDManager manager, NDArray flat, long from, long... shape) {
        long size = 1;
        for (long side : shape) {
            size *= side;
        }
        long length = size;
        return scoped(() -> give(manager, borrow(flat).narrow(0, from, length).view(shape)));
    }

    /** Rows [from, to) of {@code array}, sharing its storage. */
    public static NDArray rows(NDManager manager, NDArray array, long from, long to) {
        return scoped(() -> give(manager, borrow(array).narrow(0, from, to - from)));
    }

    /** Concatenates along {@code axis}. */
    public static NDArray concat(NDManager manager, List<NDArray> arrays, int axis) {
        return scoped(() -> {
            TensorVector parts = new TensorVector();
            for (NDArray array : arrays) {
                parts.push_back(borrow(array));
            }
            return give(manager, torch.cat(parts, axis));
        });
    }

    /** The Euclidean norms of the arrays, (n) FLOAT64; on a GPU, one launch covers many arrays. */
    public static NDArray norms(NDManager manager, List<NDArray> arrays) {
        return scoped(() -> {
            GenericList list = new GenericList(new Type.TypePtr(TensorType.get()));
            arrays.forEach(array -> list.push_back(new IValue(borrow(array))));
            IValueVector stack = new IValueVector(new IValue(list), new IValue(new Scalar(2)), new IValue());
            Dispatcher.realSingleton()
                    .findSchemaOrThrow("aten::_foreach_norm", "Scalar")
                    .callBoxed(stack);
            return give(manager, torch.stack(stack.get(0).toTensorVector()).to(torch.ScalarType.Double));
        });
    }

    /**
     * {@code target += factor·source} in place, with one factor for each of n rows of equal length: flat, flat, (n).
     */
    public static void addScaledRows(NDArray target, NDArray source, NDArray factors) {
        scoped(() -> {
            long rows = factors.size();
            return borrow(target)
                    .view(rows, -1)
                    .addcmul_(borrow(source).view(rows, -1), borrow(factors).view(rows, 1));
        });
    }

    /** The elements of {@code table} at the (n) INT64 positions: (n). */
    public static NDArray at(NDManager manager, NDArray table, NDArray places) {
        return scoped(() -> give(manager, borrow(table).index_select(0, borrow(places))));
    }

    /** {@code yes} at positions where {@code flags} is not 0, elsewhere {@code no}, as FLOAT32. */
    public static NDArray where(NDManager manager, NDArray flags, NDArray yes, double no) {
        return scoped(() -> give(
                manager,
                torch.where(borrow(flags).ne(new Scalar(0)), borrow(yes), new Scalar(no))
                        .to(torch.ScalarType.Float)));
    }

    /** Returns the singular values of a matrix, largest first, computed on the CPU. The host waits here. */
    public static double[] singularValues(NDArray matrix) {
        try (NDManager host = TorchRuntime.host()) {
            return scoped(() -> give(
                            host,
                            torch.linalg_svdvals(
                                    borrow(matrix).to(torch.ScalarType.Double).cpu())))
                    .toDoubleArray();
        }
    }

    /** Reads all elements of the arrays, in order, from the device at once. The host waits here. */
    public static double[] read(List<NDArray> arrays) {
        try (NDManager host = TorchRuntime.host()) {
            return scoped(() -> {
                        TensorVector parts = new TensorVector();
                        arrays.forEach(
                                array -> parts.push_back(borrow(array).view(-1).to(torch.ScalarType.Double)));
                        return give(host, torch.cat(parts, 0));
                    })
                    .toDoubleArray();
        }
    }
}
