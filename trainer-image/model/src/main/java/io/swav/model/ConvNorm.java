package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.Convolution;
import io.swav.torch.LayerOps;
import java.util.List;

/** Convolution without bias, batch norm and, optionally, ReLU: the building block of every residual network. */
final class ConvNorm {
    private final String name;
    private final int stride;
    private final int padding;
    private final boolean relu;
    private final BatchNorm norm;

    ConvNorm(
            String name,
            String normName,
            int in,
            int out,
            int side,
            int stride,
            boolean relu,
            FlatLayout parameters,
            FlatLayout buffers) {
        this.name = name + ".weight";
        this.stride = stride;
        this.padding = side / 2;
        this.relu = relu;
        parameters.add(this.name, out, in, side, side);
        this.norm = new BatchNorm(normName, out, parameters, buffers);
    }

    List<NDArray> forward(Lanes lanes, List<NDArray> xs) {
        List<NDArray> ys = lanes.map(xs, (tape, x) -> {
            tape.save(x);
            return Convolution.forward(tape.manager, tape.precision, x, tape.weight(name), stride, padding);
        });
        List<NDArray> zs = norm.forward(lanes, ys);
        lanes.forEach(ys, Tape::done);
        if (relu) {
            lanes.forEach(zs, (tape, z) -> {
                LayerOps.relu(z);
                tape.save(z);
            });
        }
        return zs;
    }

    /** Runs backward; consumes {@code dys}. Without {@code wantInput} the results are freed arrays. */
    List<NDArray> backward(Lanes lanes, List<NDArray> dys, boolean wantInput) {
        if (relu) {
            lanes.forEach(dys, (tape, dy) -> {
                NDArray y = tape.restore();
                LayerOps.reluBackward(dy, y);
                tape.spent(y);
            });
        }
        return lanes.map(norm.backward(lanes, dys), (tape, dz) -> {
            NDArray x = tape.restore();
            Convolution.Gradient result = Convolution.backward(
                    tape.manager, tape.precision, dz, x, tape.weight(name), stride, padding, wantInput);
            tape.spent(x);
            tape.gradients().add(name, result.weight());
            dz.close();
            return result.input().orElse(dz);
        });
    }
}
