package io.swav.numerics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.LayerOps;
import io.swav.torch.Precision;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * Tests reductions: sums by row and by column, log-softmax, and batch norm with its gradients, over a matrix of samples
 * (a multiple of 16) by channels. They are float32 whatever the precision of a job.
 */
record ReductionTrial(int samples, int channels) implements Trial {
    private static final double EPSILON = 1e-5;
    private static final int SIDE = 4;
    /**
     * The allowed error relative to the largest expected value: means, roots and exponentials round a few times each.
     */
    private static final double ALLOWED = 1e-5;

    @Override
    public List<Deviation> run(NDManager manager, Precision precision) {
        float[] x = Values.of(samples * channels, 8);
        float[] dy = Values.of(samples * channels, 9);
        try (NDManager scope = manager.newSubManager()) {
            NDArray xs = scope.create(x, new Shape(samples, channels));
            List<Deviation> deviations = new ArrayList<>(List.of(
                    compare("sums by column", byColumn(x, v -> v), xs.sum(new int[] {0})),
                    compare("sums by row", byRow(x, v -> v), xs.sum(new int[] {1})),
                    compare("log-softmax", logSoftmax(x), xs.logSoftmax(1))));
            deviations.addAll(batchNorm(scope, x, dy));
            return deviations;
        }
    }

    private List<Deviation> batchNorm(NDManager scope, float[] x, float[] dy) {
        NDArray images = images(scope, x);
        NDArray weight = scope.ones(new Shape(channels));
        LayerOps.Normalized normalized = LayerOps.batchNorm(
                scope,
                images,
                weight,
                scope.zeros(new Shape(channels)),
                scope.zeros(new Shape(channels)),
                scope.zeros(new Shape(channels)),
                EPSILON);
        LayerOps.NormGradient gradient = LayerOps.batchNormBackward(
                scope, images(scope, dy), images, weight, normalized.mean(), normalized.invStd(), EPSILON, true);

        double[] means = byColumn(x, v -> v / samples);
        double[] y = new double[x.length]; // (x − mean)/√(variance + ε)
        double[] squares = new double[channels];
        for (int i = 0; i < x.length; i++) {
            y[i] = x[i] - means[i % channels];
            squares[i % channels] += y[i] * y[i] / samples;
        }
        double[] along = new double[channels]; // Σ y·dy, the weight's gradient
        for (int i = 0; i < x.length; i++) {
            y[i] /= Math.sqrt(squares[i % channels] + EPSILON);
            along[i % channels] += y[i] * dy[i];
        }
        double[] sums = byColumn(dy, v -> v);
        double[] dx = new double[x.length]; // (dy − mean(dy) − y·mean(y·dy))/√(variance + ε)
        for (int i = 0; i < x.length; i++) {
            int c = i % channels;
            dx[i] = (dy[i] - sums[c] / samples - y[i] * along[c] / samples) / Math.sqrt(squares[c] + EPSILON);
        }
        return List.of(
                compare("batch norm, output", y, rows(normalized.output())),
                compare("batch norm, gradient of the input", dx, rows(gradient.input())),
                compare("batch norm, gradient of the weight", along, gradient.weight()),
                compare("batch norm, gradient of the bias", sums, gradient.bias()));
    }

    /** Returns the samples as pixels of 4x4 images with channels innermost, the layout that training uses. */
    private NDArray images(NDManager scope, float[] rows) {
        return scope.create(rows, new Shape(samples / (SIDE * SIDE), SIDE, SIDE, channels))
                .transpose(0, 3, 1, 2);
    }

    private static NDArray rows(NDArray images) {
        return images.transpose(0, 2, 3, 1);
    }

    private double[] byColumn(float[] x, DoubleUnaryOperator term) {
        double[] sums = new double[channels];
        for (int i = 0; i < x.length; i++) {
            sums[i % channels] += term.applyAsDouble(x[i]);
        }
        return sums;
    }

    private double[] byRow(float[] x, DoubleUnaryOperator term) {
        double[] sums = new double[samples];
        for (int i = 0; i < x.length; i++) {
            sums[i / channels] += term.applyAsDouble(x[i]);
        }
        return sums;
    }

    private double[] logSoftmax(float[] x) {
        double[] sums = byRow(x, Math::exp);
        double[] logs = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            logs[i] = x[i] - Math.log(sums[i / channels]);
        }
        return logs;
    }

    private Deviation compare(String what, double[] expected, NDArray actual) {
        float[] values = actual.toFloatArray();
        double size = 0;
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            size = Math.max(size, Math.abs(expected[i]));
            double error = Math.abs(values[i] - expected[i]);
            worst = Double.isNaN(error) ? Double.POSITIVE_INFINITY : Math.max(worst, error);
        }
        return new Deviation(
                what + " of " + samples + " by " + channels, worst / size, ALLOWED, Deviation.bits(values));
    }
}
