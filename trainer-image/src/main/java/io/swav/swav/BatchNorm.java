package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.tensor.Kernels;

/** Batch norm over dimension 1, local to the unit or synchronized among ranks, as the tape's moments say. */
final class BatchNorm {
    static final double EPSILON = 1e-5;
    /** PyTorch's momentum .1: the weight of the new statistic. */
    static final double UPDATE = 0.1;

    private final String name;

    BatchNorm(String name, int channels, Layout parameters, Layout buffers) {
        this.name = name;
        parameters.add(name + ".weight", channels);
        parameters.add(name + ".bias", channels);
        buffers.add(name + ".running_mean", channels);
        buffers.add(name + ".running_var", channels);
    }

    NDArray forward(Tape tape, NDArray x) {
        NDArray weight = tape.weight(name + ".weight");
        NDArray bias = tape.weight(name + ".bias");
        NDArray mean = tape.statistic(name + ".running_mean");
        NDArray variance = tape.statistic(name + ".running_var");
        if (tape.mode == Tape.Mode.EVAL) {
            return Kernels.batchNormFixed(tape.manager, x, weight, bias, mean, variance, EPSILON);
        }
        tape.save(x);
        if (!tape.moments.synchronize()) {
            Kernels.Normalized result = Kernels.batchNorm(tape.manager, x, weight, bias, mean, variance, EPSILON);
            tape.save(result.mean());
            tape.save(result.invStd());
            return result.output();
        }
        Moments.Shared shared = tape.moments.of(x);
        try (NDManager scope = tape.manager.newSubManager()) {
            Kernels.copy(scope.create(shared.mean()), mean);
            Kernels.copy(scope.create(shared.unbiased()), variance);
            NDArray biased = scope.create(shared.variance());
            tape.save(tape.manager.create(shared.mean()));
            tape.save(tape.manager.create(shared.invStd(EPSILON)));
            tape.save(tape.manager.create(new float[] {(float) shared.count()}));
            return Kernels.batchNormFixed(tape.manager, x, weight, bias, mean, biased, EPSILON);
        }
    }

    /** Consumes {@code dy}. */
    NDArray backward(Tape tape, Gradients gradients, NDArray dy) {
        boolean shared = tape.moments.synchronize();
        float count = 0;
        if (shared) {
            NDArray number = tape.restore();
            count = number.getFloat();
            tape.spent(number);
        }
        NDArray invStd = tape.restore();
        NDArray mean = tape.restore();
        NDArray x = tape.restore();
        NDArray weight = tape.weight(name + ".weight");
        Kernels.NormGradient result =
                Kernels.batchNormBackward(tape.manager, dy, x, weight, mean, invStd, EPSILON, !shared);
        NDArray dx = result.input();
        if (shared) {
            dx = sharedInput(
                    tape, dy, x, weight, mean, invStd, tape.moments.sum(result.weight(), result.bias()), count);
        }
        gradients.add(name + ".weight", result.weight());
        gradients.add(name + ".bias", result.bias());
        dy.close();
        tape.spent(x);
        tape.spent(mean);
        tape.spent(invStd);
        return dx;
    }

    /** w·invstd·(dy − mean(dy) − x̂·mean(dy·x̂)) with means over all peers, as scale·dy + slope·x + offset. */
    private static NDArray sharedInput(
            Tape tape, NDArray dy, NDArray x, NDArray weight, NDArray mean, NDArray invStd, float[][] sums, float n) {
        float[] w = weight.toFloatArray();
        float[] m = mean.toFloatArray();
        float[] s = invStd.toFloatArray();
        float[] scale = new float[w.length];
        float[] slope = new float[w.length];
        float[] offset = new float[w.length];
        for (int c = 0; c < w.length; c++) {
            double a = (double) w[c] * s[c];
            double b = -a * s[c] * sums[0][c] / n;
            scale[c] = (float) a;
            slope[c] = (float) b;
            offset[c] = (float) (-a * sums[1][c] / n - b * m[c]);
        }
        try (NDManager scope = tape.manager.newSubManager()) {
            return Kernels.channelwise(
                    tape.manager, dy, scope.create(scale), x, scope.create(slope), scope.create(offset));
        }
    }
}
