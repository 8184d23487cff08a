package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.LayerOps;
import java.util.ArrayList;
import java.util.List;

/** The residual network from images to pooled features, with torchvision's parameter names. */
final class Backbone {
    private final ConvNorm stem;
    private final boolean pool;
    private final List<ResidualBlock> blocks = new ArrayList<>();

    Backbone(Architecture architecture, FlatLayout parameters, FlatLayout buffers) {
        boolean small = architecture.smallStem();
        this.stem = new ConvNorm(
                "conv1", "bn1", 3, architecture.stemWidth(), small ? 3 : 7, small ? 1 : 2, true, parameters, buffers);
        this.pool = !small;
        int in = architecture.stemWidth();
        for (int s = 0; s < architecture.stages().size(); s++) {
            Architecture.Stage stage = architecture.stages().get(s);
            for (int b = 0; b < stage.blocks(); b++) {
                int stride = s > 0 && b == 0 ? 2 : 1;
                blocks.add(new ResidualBlock(
                        "layer" + (s + 1) + "." + b,
                        in,
                        stage,
                        stride,
                        architecture.bottleneck(),
                        parameters,
                        buffers));
                in = stage.width();
            }
        }
    }

    /** Maps images (B, 3, S, S) to features (B, F). */
    NDArray forward(Tape tape, NDArray images) {
        NDArray input = LayerOps.channelsLast(tape.manager, images);
        NDArray x = stem.forward(tape, input);
        tape.done(input);
        if (pool) {
            tape.save(x);
            LayerOps.Pooled pooled = LayerOps.maxPool(tape.manager, x);
            tape.save(pooled.indices());
            tape.done(x);
            tape.done(pooled.indices());
            x = pooled.output();
        }
        for (ResidualBlock block : blocks) {
            NDArray next = block.forward(tape, x);
            tape.done(x);
            x = next;
        }
        tape.save(x);
        NDArray features = LayerOps.meanPool(tape.manager, x);
        tape.done(x);
        return features;
    }

    /** Runs backward; consumes {@code dy}, (N, width). */
    void backward(Tape tape, Gradients gradients, NDArray dy) {
        NDArray last = tape.restore();
        NDArray dx = LayerOps.meanPoolBackward(tape.manager, dy, last);
        tape.spent(last);
        dy.close();
        for (int i = blocks.size() - 1; i >= 0; i--) {
            dx = blocks.get(i).backward(tape, gradients, dx);
        }
        if (pool) {
            NDArray indices = tape.restore();
            NDArray pooled = dx;
            NDArray x = tape.restore();
            dx = LayerOps.maxPoolBackward(tape.manager, pooled, x, indices);
            tape.spent(x);
            tape.spent(indices);
            pooled.close();
        }
        stem.backward(tape, gradients, dx, false);
    }
}
