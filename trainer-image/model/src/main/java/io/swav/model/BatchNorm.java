package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;

/**
 * Batch norm over dimension 1. Its statistics are those of each group or of a span of groups, depending on the lanes'
 * {@link BatchStatistics}.
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

    List<NDArray> forward(Lanes lanes, List<NDArray> xs) {
        NDArray mean = lanes.statistic(name + ".running_mean");
        NDArray variance = lanes.statistic(name + ".running_var");
        if (lanes.mode == Tape.TapeMode.EVAL) {
            return lanes.map(xs, (tape, x) -> fixed(tape, x, mean, variance));
        }
        lanes.forEach(xs, Tape::save);
        if (!lanes.batchStatistics.synchronize()) {
            return lanes.map(xs, (tape, x) -> {
                LayerOps.Normalized result = LayerOps.batchNorm(
                        tape.manager,
                        x,
                        tape.weight(name + ".weight"),
                        tape.weight(name + ".bias"),
                        mean,
                        variance,
                        EPSILON);
                tape.save(result.mean());
                tape.save(result.invStd());
                return result.output();
            });
        }
        BatchStatistics.Shared shared = lanes.batchStatistics.of(xs);
        try (NDManager scope = mean.getManager().newSubManager()) {
            TorchOps.copy(shared.mean(), mean);
            TorchOps.copy(shared.unbiased(scope), variance);
        }
        return lanes.map(xs, (tape, x) -> {
            tape.save(TorchOps.clone(tape.manager, shared.mean()));
            tape.save(shared.invStd(tape.manager, EPSILON));
            return fixed(tape, x, shared.mean(), shared.variance());
        });
    }

    private NDArray fixed(Tape tape, NDArray x, NDArray mean, NDArray variance) {
        return LayerOps.batchNormFixed(
                tape.manager, x, tape.weight(name + ".weight"), tape.weight(name + ".bias"), mean, variance, EPSILON);
    }

    /** What forward has kept of one group, and the gradients of weight and bias over that group alone. */
    private record Own(NDArray x, NDArray mean, NDArray invStd, LayerOps.NormGradient gradient) {}

    /** Runs backward; consumes {@code dys}. */
    List<NDArray> backward(Lanes lanes, List<NDArray> dys) {
        boolean shared = lanes.batchStatistics.synchronize();
        List<Own> own = new ArrayList<>();
        lanes.forEach(dys, (tape, dy) -> own.add(own(tape, dy, !shared)));
        List<NDArray> dxs = shared
                ? sharedInputs(lanes, dys, own)
                : own.stream().map(of -> of.gradient().input()).toList();
        for (int i = 0; i < own.size(); i++) {
            Tape tape = lanes.tapes().get(i);
            Own of = own.get(i);
            tape.gradients().add(name + ".weight", of.gradient().weight());
            tape.gradients().add(name + ".bias", of.gradient().bias());
            dys.get(i).close();
            tape.spent(of.x());
            tape.spent(of.mean());
            tape.spent(of.invStd());
        }
        return dxs;
    }

    private Own own(Tape tape, NDArray dy, boolean wantInput) {
        NDArray invStd = tape.restore();
        NDArray mean = tape.restore();
        NDArray x = tape.restore();
        return new Own(
                x,
                mean,
                invStd,
                LayerOps.batchNormBackward(
                        tape.manager, dy, x, tape.weight(name + ".weight"), mean, invStd, EPSILON, wantInput));
    }

    /** Computes w·invstd·(dy − mean(dy) − x̂·mean(dy·x̂)) with means over the span, as scale·dy + slope·x + offset. */
    private List<NDArray> sharedInputs(Lanes lanes, List<NDArray> dys, List<Own> own) {
        List<NDArray> dxs = new ArrayList<>();
        try (NDManager scope = lanes.tapes().get(0).manager.newSubManager()) {
            List<NDArray> sums = lanes.batchStatistics.sum(
                    scope,
                    own.stream()
                            .map(of -> List.of(
                                    of.gradient().weight(), of.gradient().bias()))
                            .toList());
            double count = lanes.batchStatistics.count(own.get(0).x());
            sums.forEach(sum -> TorchOps.divide(sum, count));
            NDArray s = wide(scope, own.get(0).invStd());
            NDArray a =
                    wide(scope, lanes.tapes().get(0).weight(name + ".weight")).muli(s);
            NDArray minus = a.neg();
            NDArray b = minus.mul(s).muli(sums.get(0));
            NDArray c =
                    minus.muli(sums.get(1)).subi(b.mul(wide(scope, own.get(0).mean())));
            NDArray scale = narrow(a);
            NDArray slope = narrow(b);
            NDArray offset = narrow(c);
            for (int i = 0; i < own.size(); i++) {
                dxs.add(LayerOps.channelwise(
                        lanes.tapes().get(i).manager,
                        dys.get(i),
                        scale,
                        own.get(i).x(),
                        slope,
                        offset));
            }
        }
        return dxs;
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
