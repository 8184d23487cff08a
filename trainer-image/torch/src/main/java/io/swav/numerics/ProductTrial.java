package io.swav.numerics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import java.util.List;
import java.util.Optional;

/**
 * Tests a linear layer with its gradients, which are the three matrix products that training uses: x·Wᵀ + b, dy·W and
 * dyᵀ·x.
 */
record ProductTrial(int rows, int in, int out) implements Trial {
    @Override
    public List<Deviation> run(NDManager manager, Precision precision) {
        float[] x = Values.of(rows * in, 4);
        float[] weight = Values.of(out * in, 5);
        float[] bias = Values.of(out, 6);
        float[] dy = Values.of(rows * out, 7);
        Sums y = new Sums(dy.length);
        Sums dx = new Sums(x.length);
        Sums dWeight = new Sums(weight.length);
        for (int row = 0; row < rows; row++) {
            for (int o = 0; o < out; o++) {
                int at = row * out + o;
                y.add(at, bias[o]);
                for (int c = 0; c < in; c++) {
                    y.add(at, (double) x[row * in + c] * weight[o * in + c]);
                    dx.add(row * in + c, (double) dy[at] * weight[o * in + c]);
                    dWeight.add(o * in + c, (double) dy[at] * x[row * in + c]);
                }
            }
        }
        try (NDManager scope = manager.newSubManager()) {
            NDArray xs = scope.create(x, new Shape(rows, in));
            NDArray weights = scope.create(weight, new Shape(out, in));
            NDArray biases = scope.create(bias, new Shape(out));
            NDArray dys = scope.create(dy, new Shape(rows, out));
            String name = "linear layer of " + in + " to " + out + ", ";
            return List.of(
                    y.compare(
                            name + "output",
                            TorchOps.linear(scope, precision, xs, weights, Optional.of(biases))
                                    .toFloatArray(),
                            precision),
                    dx.compare(
                            name + "gradient of the input",
                            TorchOps.matmul(scope, precision, dys, weights).toFloatArray(),
                            precision),
                    dWeight.compare(
                            name + "gradient of the weight",
                            TorchOps.matmulTransposed(scope, precision, dys, xs).toFloatArray(),
                            precision));
        }
    }
}
