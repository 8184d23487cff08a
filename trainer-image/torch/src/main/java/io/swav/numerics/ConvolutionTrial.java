package io.swav.numerics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.Convolution;
import io.swav.torch.LayerOps;
import io.swav.torch.Precision;
import java.util.ArrayList;
import java.util.List;

/**
 * Tests a convolution and its gradients. Kernels that lose part of their operands lose whole blocks of channels, so
 * there are as many channels as in the networks, and the images are small.
 *
 * @param kernel side K of the kernel
 * @param side of the square images
 * @param images N
 */
record ConvolutionTrial(int in, int out, int kernel, int stride, int side, int images, Kernel under) implements Trial {
    /** The convolution under test: {@link Convolution}, or another implementation. */
    interface Kernel {
        NDArray forward(NDManager manager, Precision precision, NDArray x, NDArray weight, int stride, int padding);

        Convolution.Gradient backward(
                NDManager manager, Precision precision, NDArray dy, NDArray x, NDArray weight, int stride, int padding);
    }

    private static final Kernel TRAINING = new Kernel() {
        @Override
        public NDArray forward(
                NDManager manager, Precision precision, NDArray x, NDArray weight, int stride, int padding) {
            return Convolution.forward(manager, precision, x, weight, stride, padding);
        }

        @Override
        public Convolution.Gradient backward(
                NDManager manager,
                Precision precision,
                NDArray dy,
                NDArray x,
                NDArray weight,
                int stride,
                int padding) {
            return Convolution.backward(manager, precision, dy, x, weight, stride, padding, true);
        }
    };

    static ConvolutionTrial of(int in, int out, int kernel, int stride, int side) {
        return new ConvolutionTrial(in, out, kernel, stride, side, 2, TRAINING);
    }

    private int padding() {
        return kernel / 2;
    }

    /** The side of the output. */
    private int outSide() {
        return (side + 2 * padding() - kernel) / stride + 1;
    }

    @Override
    public List<Deviation> run(NDManager manager, Precision precision) {
        float[] x = Values.of(images * in * side * side, 1);
        float[] weight = Values.of(out * in * kernel * kernel, 2);
        float[] dy = Values.of(images * out * outSide() * outSide(), 3);
        try (NDManager scope = manager.newSubManager()) {
            NDArray xs = LayerOps.channelsLast(scope, scope.create(x, new Shape(images, in, side, side)));
            NDArray weights = scope.create(weight, new Shape(out, in, kernel, kernel));
            NDArray dys = LayerOps.channelsLast(scope, scope.create(dy, new Shape(images, out, outSide(), outSide())));
            NDArray ys = under.forward(scope, precision, xs, weights, stride, padding());
            Convolution.Gradient gradient = under.backward(scope, precision, dys, xs, weights, stride, padding());
            Sums y = new Sums(dy.length);
            Sums dx = new Sums(x.length);
            Sums dWeight = new Sums(weight.length);
            eachProduct((i, w, o) -> {
                y.add(o, (double) x[i] * weight[w]);
                dx.add(i, (double) dy[o] * weight[w]);
                dWeight.add(w, (double) dy[o] * x[i]);
            });
            String name = "convolution " + kernel + "x" + kernel + (stride == 1 ? "" : "/" + stride) + " of " + in
                    + " to " + out + " channels, ";
            return List.of(
                    y.compare(name + "output", ys.toFloatArray(), precision),
                    dx.compare(
                            name + "gradient of the input",
                            gradient.input().orElseThrow().toFloatArray(),
                            precision),
                    dWeight.compare(
                            name + "gradient of the weight", gradient.weight().toFloatArray(), precision));
        }
    }

    /**
     * Receives the indices in input, weight and output of the three values that each product of the convolution
     * combines.
     */
    private interface Product {
        void at(int input, int weight, int output);
    }

    private void eachProduct(Product product) {
        int[][] within = productsOfOneChannel();
        for (int n = 0; n < images; n++) {
            for (int o = 0; o < out; o++) {
                for (int c = 0; c < in; c++) {
                    int input = (n * in + c) * side * side;
                    int weight = (o * in + c) * kernel * kernel;
                    int output = (n * out + o) * outSide() * outSide();
                    for (int[] at : within) {
                        product.at(input + at[0], weight + at[1], output + at[2]);
                    }
                }
            }
        }
    }

    /**
     * Pixel of the input, position in the kernel and pixel of the output, for every position at which the kernel is not
     * over the padding.
     */
    private int[][] productsOfOneChannel() {
        List<int[]> products = new ArrayList<>();
        for (int tap = 0; tap < kernel * kernel; tap++) {
            for (int at = 0; at < outSide() * outSide(); at++) {
                int row = at / outSide() * stride + tap / kernel - padding();
                int column = at % outSide() * stride + tap % kernel - padding();
                if (row >= 0 && row < side && column >= 0 && column < side) {
                    products.add(new int[] {row * side + column, tap, at});
                }
            }
        }
        return products.toArray(int[][]::new);
    }
}
