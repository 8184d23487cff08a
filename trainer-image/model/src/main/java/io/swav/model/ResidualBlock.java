package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.LayerOps;
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

    List<NDArray> forward(Lanes lanes, List<NDArray> xs) {
        List<NDArray> ys = xs;
        for (ConvNorm unit : branch) {
            List<NDArray> next = unit.forward(lanes, ys);
            if (ys != xs) {
                lanes.forEach(ys, Tape::done);
            }
            ys = next;
        }
        List<NDArray> straight = shortcut.isPresent() ? shortcut.get().forward(lanes, xs) : xs;
        for (int i = 0; i < ys.size(); i++) {
            ys.get(i).addi(straight.get(i));
            if (straight != xs) {
                straight.get(i).close();
            }
        }
        lanes.forEach(ys, (tape, y) -> {
            LayerOps.relu(y);
            tape.save(y);
        });
        return ys;
    }

    /** Runs backward; consumes {@code dys}. */
    List<NDArray> backward(Lanes lanes, List<NDArray> dys) {
        List<NDArray> straight = lanes.map(dys, (tape, dy) -> {
            NDArray y = tape.restore();
            LayerOps.reluBackward(dy, y);
            tape.spent(y);
            return tape.share(dy); // neither path writes to it: both end without a ReLU
        });
        if (shortcut.isPresent()) {
            straight = shortcut.get().backward(lanes, straight, true);
        }
        List<NDArray> dxs = dys;
        for (int i = branch.size() - 1; i >= 0; i--) {
            dxs = branch.get(i).backward(lanes, dxs, true);
        }
        for (int i = 0; i < dxs.size(); i++) {
            dxs.get(i).addi(straight.get(i));
            straight.get(i).close();
        }
        return dxs;
    }
}
