package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.List;
import java.util.Optional;

/**
 * Batch norm over dimension 1. Its statistics are local to the micro-batch or synchronized between ranks, depending on
 * the tape's {@link BatchStatistics}.
 */
final class BatchNorm {
    static final double EPSILON = 1e-5;
    /** PyTorch's momentum .1: the weight of the new statistic. */
    static final double UPDATE = 0.1;

    private final String name;

    BatchNorm(String name, int channels, FlatLayout parameters, FlatLayout buffers) {
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
        if (tape.mode == Tape.TapeMode.EVAL) {
            return LayerOps.batchNormFixed(tape.manager, x, weight, bias, mean, variance, EPSILON);
        }
        tape.save(x);
        if (!tape.batchStatistics.synchronize()) {
            LayerOps.Normalized result = LayerOps.batchNorm(tape.manager, x, weight, bias, mean, variance, EPSILON);
            tape.save(result.mean());
            tape.save(result.invStd());
            return result.output();
        }
        BatchStatistics.Shared shared = tape.batchStatistics.of(x);
        try (NDManager scope = tape.manager.newSubManager()) {
            TorchOps.copy(shared.mean(), mean);
            TorchOps.copy(shared.unbiased(scope), variance);
            tape.save(TorchOps.clone(tape.manager, shared.mean()));
            NDArray invStd = shared.invStd(scope, EPSILON);
            invStd.attach(tape.manager);
            tape.save(invStd);
            tape.save(TorchOps.clone(tape.manager, shared.count()));
            return LayerOps.batchNormFixed(tape.manager, x, weight, bias, mean, shared.variance(), EPSILON);
        }
    }

    /** Runs backward; consumes {@code dy}. */
    NDArray backward(Tape tape, Gradients gradients, NDArray dy) {
        boolean shared = tape.batchStatistics.synchronize();
        Optional<NDArray> count = shared ? Optional.of(tape.restore()) : Optional.empty();
        NDArray invStd = tape.restore();
        NDArray mean = tape.restore();
        NDArray x = tape.restore();
        NDArray weight = tape.weight(name + ".weight");
        LayerOps.NormGradient result =
                LayerOps.batchNormBackward(tape.manager, dy, x, weight, mean, invStd, EPSILON, !shared);
        NDArray dx = result.input();
        if (count.isPresent()) {
            dx = sharedInput(tape, dy, x, weight, mean, invStd, result, count.get());
            tape.spent(count.get());
        }
        gradients.add(name + ".weight", result.weight());
        gradients.add(name + ".bias", result.bias());
        dy.close();
        tape.spent(x);
        tape.spent(mean);
        tape.spent(invStd);
        return dx;
    }

    /** Computes w·invstd·(dy − mean(dy) − x̂·mean(dy·x̂)) with means over all peers, as scale·dy + slope·x + offset. */
    private static NDArray sharedInput(
            Tape tape,
            NDArray dy,
            NDArray x,
            NDArray weight,
            NDArray mean,
            NDArray invStd,
            LayerOps.NormGradient own,
            NDArray count) {
        try (NDManager scope = tape.manager.newSubManager()) {
            List<NDArray> sums = tape.batchStatistics.sum(scope, own.weight(), own.bias());
            NDArray s = wide(scope, invStd);
            NDArray a = wide(scope, weight).muli(s);
            NDArray minus = a.neg();
            NDArray b = minus.mul(s).muli(wide(scope, sums.get(0))).divi(count);
            NDArray c = minus.muli(wide(scope, sums.get(1))).divi(count).subi(b.mul(wide(scope, mean)));
            return LayerOps.channelwise(tape.manager, dy, narrow(a), x, narrow(b), narrow(c));
        }
    }

    private static NDArray wide(NDManager scope, NDArray array) {
        NDArray wide = array.toType(DataType.FLOAT64, true);
        wide.attach(scope);
        return wide;
    }

    private static NDArray narrow(NDArray array) {
        return array.toType(DataType.FLOAT32, true);
    }
}
