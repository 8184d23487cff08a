package io.swav.torch;

import static io.swav.torch.Interop.borrow;
import static io.swav.torch.Interop.give;
import static io.swav.torch.Interop.scoped;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.Optional;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.pytorch.LongArrayRefOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Convolution without bias, with a square kernel, stride and zero padding, and its gradients. Images are (N, C, H, W)
 * with channels innermost in memory, weights (O, C, K, K).
 *
 * <p>On the CPU a 1x1 convolution is a matrix product: a row for each pixel times the transposed (O, C) weight. The
 * shape alone decides this, so equal machines compute equal bits. oneDNN 3.2 to 3.7, which libtorch 2.7.1 contains,
 * divides by zero or silently drops channels of 1x1 convolutions if an AMD processor hides its caches, as virtual
 * machines often do. Its larger kernels are correct there ({@link Canary} checks them at every start).
 */
public final class Convolution {
    private static final long[] ONE = {1, 1};
    private static final long[] ZERO = {0, 0};

    private Convolution() {}

    /** (N, C, H, W) to (N, O, H', W'). */
    public static NDArray forward(
            NDManager manager, Precision precision, NDArray x, NDArray weight, int stride, int padding) {
        return scoped(() -> {
            Tensor images = precision.in(borrow(x));
            Tensor kernel = precision.in(borrow(weight));
            Tensor y = isProduct(images, kernel, padding)
                    ? images(torch.mm(pixels(images, stride), matrix(kernel).t()), images, stride)
                    : torch.conv2d(
                            images,
                            kernel,
                            new TensorOptional(),
                            new long[] {stride, stride},
                            new long[] {padding, padding},
                            ONE,
                            1);
            return give(manager, precision.out(y));
        });
    }

    /** Gradients of {@link #forward}; {@code input} is empty if it was not requested. */
    public record Gradient(Optional<NDArray> input, NDArray weight) {}

    /** @param dy (N, O, H', W'), the gradient of the output */
    public static Gradient backward(
            NDManager manager,
            Precision precision,
            NDArray dy,
            NDArray x,
            NDArray weight,
            int stride,
            int padding,
            boolean wantInput) {
        return scoped(() -> {
            Tensor slope = precision.in(borrow(dy));
            Tensor images = precision.in(borrow(x));
            Tensor kernel = precision.in(borrow(weight));
            Tensor input;
            Tensor ofWeight;
            if (isProduct(images, kernel, padding)) {
                Tensor rows = pixels(slope, 1);
                ofWeight = torch.mm(rows.t(), pixels(images, stride)).view_as(kernel);
                input = wantInput ? spread(torch.mm(rows, matrix(kernel)), images, stride) : images;
            } else {
                var both = torch.convolution_backward(
                        slope,
                        images,
                        kernel,
                        new LongArrayRefOptional(),
                        new long[] {stride, stride},
                        new long[] {padding, padding},
                        ONE,
                        false,
                        ZERO,
                        1,
                        new BoolPointer(3).put(0, wantInput).put(1, true).put(2, false));
                input = both.get0();
                ofWeight = both.get1();
            }
            return new Gradient(
                    wantInput ? Optional.of(give(manager, precision.out(input))) : Optional.empty(),
                    give(manager, precision.out(ofWeight)));
        });
    }

    private static boolean isProduct(Tensor images, Tensor kernel, int padding) {
        return images.is_cpu() && kernel.size(2) == 1 && kernel.size(3) == 1 && padding == 0;
    }

    /** (O, C, 1, 1) as (O, C). */
    private static Tensor matrix(Tensor kernel) {
        return kernel.view(kernel.size(0), kernel.size(1));
    }

    /** Every {@code stride}-th pixel of each row and column as a row of its channels: (N·H'·W', C). */
    private static Tensor pixels(Tensor images, int stride) {
        Tensor kept = stride == 1 ? images : every(images, stride);
        return kept.permute(0, 2, 3, 1).reshape(-1, images.size(1));
    }

    private static Tensor every(Tensor images, int stride) {
        return images.slice(2, new LongOptional(), new LongOptional(), stride)
                .slice(3, new LongOptional(), new LongOptional(), stride);
    }

    private static long kept(long side, int stride) {
        return (side + stride - 1) / stride;
    }

    /** The rows (N·H'·W', O) of a convolution over {@code source}, as images. */
    private static Tensor images(Tensor rows, Tensor source, int stride) {
        return rows.view(source.size(0), kept(source.size(2), stride), kept(source.size(3), stride), -1)
                .permute(0, 3, 1, 2);
    }

    /** The gradient of {@link #pixels}: each row back at its pixel, and 0 at the pixels that were skipped. */
    private static Tensor spread(Tensor rows, Tensor source, int stride) {
        Tensor images = images(rows, source, stride);
        if (stride == 1) {
            return images;
        }
        Tensor whole = torch.zeros_like(source);
        every(whole, stride).copy_(images);
        return whole;
    }
}
