package io.swav.torch;

import static io.swav.torch.Interop.borrow;
import static io.swav.torch.Interop.give;
import static io.swav.torch.Interop.scoped;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.List;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The libtorch kernels of batch norm, activation and pooling and of their gradients, on DJL arrays. Results belong to
 * the given manager. Images are (N, C, H, W) and keep their memory format. Nothing here records an autograd graph.
 */
public final class LayerOps {
    /** The number of values of a channel that are summed in one pass. */
    private static final long MOMENT_ROWS = 256;

    private static final long[] ONE = {1, 1};
    private static final long[] POOL = {3, 3};
    private static final long[] TWO = {2, 2};

    private LayerOps() {}

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

    private static TensorOptional some(NDArray array) {
        return new TensorOptional(borrow(array));
    }

    private static BoolPointer mask(boolean first, boolean second, boolean third) {
        return new BoolPointer(3).put(0, first).put(1, second).put(2, third);
    }
}
