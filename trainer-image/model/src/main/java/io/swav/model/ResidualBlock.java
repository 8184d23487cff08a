package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Computes ReLU(branch(x) + shortcut(x)): the basic block of two 3x3 convolutions or the bottleneck 1x1, 3x3, 1x1. */
final class ResidualBlock {
    private final List<ConvNorm> branch = new ArrayList<>();
    private final Optional<ConvNorm> shortcut;

    ResidualBlock(
            String name,
            int in,
            Architecture.Stage stage,
            int stride,
            boolean bottleneck,
            FlatLayout parameters,
            FlatLayout buffers) {
        int inner = stage.inner();
        int out = stage.width();
        int[] widths = bottleneck ? new int[] {inner, inner, out} : new int[] {inner, out};
        int[] sides = bottleneck ? new int[] {1, 3, 1} : new int[] {3, 3};
        int strided = bottleneck ? 1 : 0;
        int width = in;
        for (int i = 0; i < widths.length; i++) {
            branch.add(new ConvNorm(
                    name + ".conv" + (i + 1),
                    name + ".bn" + (i + 1),
                    width,
                    widths[i],
                    sides[i],
                    i == strided ? stride : 1,
                    i < widths.length - 1,
                    parameters,
                    buffers));
            width = widths[i];
        }
        this.shortcut = stride == 1 && in == out
                ? Optional.empty()
                : Optional.of(new ConvNorm(
                        name + ".downsample.0",
                        name + ".downsample.1",
                        in,
                        out,
                        1,
                        stride,
                        false,
                        parameters,
                        buffers));
    }

    NDArray forward(Tape tape, NDArray x) {
        NDArray y = x;
        for (ConvNorm unit : branch) {
            NDArray next = unit.forward(tape, y);
            if (y != x) {
                tape.done(y);
            }
            y = next;
        }
        NDArray straight = shortcut.isPresent() ? shortcut.get().forward(tape, x) : x;
        y.addi(straight);
        if (straight != x) {
            straight.close();
        }
        LayerOps.relu(y);
        tape.save(y);
        return y;
    }

    /** Runs backward; consumes {@code dy}. */
    NDArray backward(Tape tape, Gradients gradients, NDArray dy) {
        NDArray y = tape.restore();
        LayerOps.reluBackward(dy, y);
        tape.spent(y);
        NDArray straight = TorchOps.share(tape.manager, dy); // neither path writes to it: both end without a ReLU
        if (shortcut.isPresent()) {
            straight = shortcut.get().backward(tape, gradients, straight, true);
        }
        NDArray dx = dy;
        for (int i = branch.size() - 1; i >= 0; i--) {
            dx = branch.get(i).backward(tape, gradients, dx, true);
        }
        dx.addi(straight);
        straight.close();
        return dx;
    }
}
