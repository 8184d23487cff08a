package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.Convolution;
import io.swav.torch.LayerOps;

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

    NDArray forward(Tape tape, NDArray x) {
        tape.save(x);
        NDArray y = Convolution.forward(tape.manager, tape.precision, x, tape.weight(name), stride, padding);
        NDArray z = norm.forward(tape, y);
        tape.done(y);
        if (relu) {
            LayerOps.relu(z);
            tape.save(z);
        }
        return z;
    }

    /** Runs backward; consumes {@code dy}. Without {@code wantInput} the result is {@code dy} itself, already freed. */
    NDArray backward(Tape tape, Gradients gradients, NDArray dy, boolean wantInput) {
        if (relu) {
            NDArray y = tape.restore();
            LayerOps.reluBackward(dy, y);
            tape.spent(y);
        }
        NDArray dz = norm.backward(tape, gradients, dy);
        NDArray x = tape.restore();
        Convolution.Gradient result = Convolution.backward(
                tape.manager, tape.precision, dz, x, tape.weight(name), stride, padding, wantInput);
        tape.spent(x);
        gradients.add(name, result.weight());
        dz.close();
        return result.input().orElse(dy);
    }
}
