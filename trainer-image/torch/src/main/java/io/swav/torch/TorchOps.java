package io.swav.torch;

import static io.swav.torch.Interop.borrow;
import static io.swav.torch.Interop.give;
import static io.swav.torch.Interop.scoped;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorType;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;

/**
 * The libtorch kernels of a network's layers and of their gradients, on DJL arrays. Results belong to the given
 * manager. Images are (N, C, H, W) and keep their memory format. Nothing here records an autograd graph.
 */
public final class TorchOps {
    /** The number of values of a channel that are summed in one pass. */
    private static final long MOMENT_ROWS = 256;

    private static final long[] ONE = {1, 1};
    private static final long[] POOL = {3, 3};
    private static final long[] TWO = {2, 2};

    private TorchOps() {}

    /** Returns the same values with channels innermost in memory, the faster layout for convolutions. */
    public static NDArray channelsLast(NDManager manager, NDArray x) {
        return scoped(() -> give(manager, borrow(x).contiguous(torch.MemoryFormat.ChannelsLast)));
    }

    /** A normalized array with the statistics its gradient needs. */
    public record Normalized(NDArray output, NDArray mean, NDArray invStd) {}

    /**
     * Batch norm over the statistics of {@code x} itself.
     *
     * @param batchMean (C), receives the mean
     * @param batchVar (C), receives the unbiased variance
     */
    public static Normalized batchNorm(
            NDManager manager,
            NDArray x,
            NDArray weight,
            NDArray bias,
            NDArray batchMean,
            NDArray batchVar,
            double epsilon) {
        return scoped(() -> {
            Tensor source = borrow(x);
            Tensor[] moments = moments(source);
            double count = (double) x.size() / moments[0].numel();
            borrow(batchMean).copy_(moments[0]);
            borrow(batchVar).copy_(moments[1].mul(new Scalar(count / Math.max(1, count - 1))));
            Tensor output = torch.native_batch_norm(
                            source,
                            some(weight),
                            some(bias),
                            new TensorOptional(moments[0]),
                            new TensorOptional(moments[1]),
                            false,
                            0.0,
                            epsilon)
                    .get0();
            Tensor invStd = moments[1].add(new Scalar(epsilon)).rsqrt();
            return new Normalized(give(manager, output), give(manager, moments[0]), give(manager, invStd));
        });
    }

    /** Batch norm with given mean and (biased) variance. */
    public static NDArray batchNormFixed(
            NDManager manager,
            NDArray x,
            NDArray weight,
            NDArray bias,
            NDArray mean,
            NDArray variance,
            double epsilon) {
        return scoped(() -> give(
                manager,
                torch.native_batch_norm(
                                borrow(x), some(weight), some(bias), some(mean), some(variance), false, 0.0, epsilon)
                        .get0()));
    }

    /** Gradients of batch norm. */
    public record NormGradient(NDArray input, NDArray weight, NDArray bias) {}

    /**
     * Gradients of {@link #batchNorm}. Those of weight and bias are sums over this batch alone, even if mean and invStd
     * are not of this batch.
     */
    public static NormGradient batchNormBackward(
            NDManager manager,
            NDArray dy,
            NDArray x,
            NDArray weight,
            NDArray mean,
            NDArray invStd,
            double epsilon,
            boolean wantInput) {
        return scoped(() -> {
            T_TensorTensorTensor_T result = torch.native_batch_norm_backward(
                    borrow(dy),
                    borrow(x),
                    some(weight),
                    new TensorOptional(),
                    new TensorOptional(),
                    some(mean),
                    some(invStd),
                    true,
                    epsilon,
                    mask(wantInput, true, true));
            return new NormGradient(
                    wantInput ? give(manager, result.get0()) : dy,
                    give(manager, result.get1()),
                    give(manager, result.get2()));
        });
    }

    /** Per channel of {@code x}: mean and biased variance, (C) each. */
    public static List<NDArray> moments(NDManager manager, NDArray x) {
        return scoped(() -> {
            Tensor[] moments = moments(borrow(x));
            return List.of(give(manager, moments[0]), give(manager, moments[1]));
        });
    }

    /**
     * Mean and biased variance by channel. On the CPU, libtorch adds channels-last values one by one in float32, which
     * loses digits over many rows; therefore it gets short runs of rows, whose moments are then merged. Its CUDA kernel
     * merges the moments of many short runs by itself.
     */
    private static Tensor[] moments(Tensor x) {
        if (!x.is_cpu()) {
            T_TensorTensor_T result = torch.batch_norm_update_stats(x, new TensorOptional(), new TensorOptional(), 0.0);
            return new Tensor[] {result.get0(), result.get1()};
        }
        long channels = x.size(1);
        long rows = x.numel() / channels;
        Tensor all = (x.dim() == 4 ? x.permute(0, 2, 3, 1) : x)
                .reshape(1, 1, rows, channels)
                .permute(0, 3, 1, 2);
        int parts = Math.toIntExact((rows + MOMENT_ROWS - 1) / MOMENT_ROWS);
        TensorVector means = new TensorVector();
        TensorVector variances = new TensorVector();
        float[] shares = new float[parts];
        for (int part = 0; part < parts; part++) {
            long from = rows * part / parts;
            long length = rows * (part + 1) / parts - from;
            shares[part] = (float) ((double) length / rows);
            T_TensorTensor_T result = torch.batch_norm_update_stats(
                    all.narrow(3, from, length), new TensorOptional(), new TensorOptional(), 0.0);
            means.push_back(result.get0());
            variances.push_back(result.get1());
        }
        Tensor each = torch.stack(means);
        Tensor weights = torch.tensor(shares).view(1, parts);
        Tensor mean = torch.mm(weights, each);
        Tensor variance =
                torch.mm(weights, torch.stack(variances).add(each.sub(mean).square()));
        return new Tensor[] {mean.view(-1), variance.view(-1)};
    }

    /** scale[c]·dy + slope[c]·x + offset[c], by channel. */
    public static NDArray channelwise(
            NDManager manager, NDArray dy, NDArray scale, NDArray x, NDArray slope, NDArray offset) {
        return scoped(() -> {
            long[] shape = x.getShape().dimension() == 4 ? new long[] {1, -1, 1, 1} : new long[] {1, -1};
            Tensor result = torch.mul(borrow(dy), borrow(scale).view(shape));
            result.addcmul_(borrow(x), borrow(slope).view(shape));
            result.add_(borrow(offset).view(shape));
            return give(manager, result);
        });
    }

    /** max(x, 0) in place. */
    public static void relu(NDArray x) {
        scoped(() -> torch.relu_(borrow(x)));
    }

    /**
     * In place: keeps {@code dy} at positions where {@code y}, the output of {@link #relu}, is positive, and sets it to
     * 0 elsewhere.
     */
    public static void reluBackward(NDArray dy, NDArray y) {
        scoped(() -> torch.threshold_backward_out(borrow(dy), borrow(dy), borrow(y), new Scalar(0)));
    }

    /** Output and winning positions of {@link #maxPool}. */
    public record Pooled(NDArray output, NDArray indices) {}

    /** Max over 3x3 windows, stride 2, padding 1. */
    public static Pooled maxPool(NDManager manager, NDArray x) {
        return scoped(() -> {
            T_TensorTensor_T result = torch.max_pool2d_with_indices(borrow(x), POOL, TWO, ONE, ONE, false);
            return new Pooled(give(manager, result.get0()), give(manager, result.get1()));
        });
    }

    public static NDArray maxPoolBackward(NDManager manager, NDArray dy, NDArray x, NDArray indices) {
        return scoped(() -> give(
                manager,
                torch.max_pool2d_with_indices_backward(
                        borrow(dy), borrow(x), POOL, TWO, ONE, ONE, false, borrow(indices))));
    }

    /** (N, C, H, W) to (N, C). */
    public static NDArray meanPool(NDManager manager, NDArray x) {
        return scoped(() -> give(manager, borrow(x).mean(2, 3)));
    }

    /** Gradient of {@link #meanPool} in the memory format of {@code x}. */
    public static NDArray meanPoolBackward(NDManager manager, NDArray dy, NDArray x) {
        return scoped(() -> {
            Tensor source = borrow(x);
            Tensor result = torch.empty_like(source);
            Tensor scaled = borrow(dy).div(new Scalar((double) (source.size(2) * source.size(3))));
            result.copy_(scaled.view(source.size(0), source.size(1), 1, 1).expand_as(source));
            return give(manager, result);
        });
    }

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

    private static TensorOptional some(NDArray array) {
        return new TensorOptional(borrow(array));
    }

    private static BoolPointer mask(boolean first, boolean second, boolean third) {
        return new BoolPointer(3).put(0, first).put(1, second).put(2, third);
    }
}
