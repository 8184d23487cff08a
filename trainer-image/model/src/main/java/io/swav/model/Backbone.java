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

    /** Maps each group's images (B, 3, S, S) to features (B, F). */
    List<NDArray> forward(Lanes lanes, List<NDArray> images) {
        List<NDArray> inputs = lanes.map(images, (tape, of) -> LayerOps.channelsLast(tape.manager, of));
        List<NDArray> xs = stem.forward(lanes, inputs);
        lanes.forEach(inputs, Tape::done);
        if (pool) {
            xs = lanes.map(xs, (tape, x) -> {
                tape.save(x);
                LayerOps.Pooled pooled = LayerOps.maxPool(tape.manager, x);
                tape.save(pooled.indices());
                tape.done(x);
                tape.done(pooled.indices());
                return pooled.output();
            });
        }
        for (ResidualBlock block : blocks) {
            List<NDArray> next = lanes.recompute ? lanes.forwardSparsely(block, xs) : block.forward(lanes, xs);
            lanes.forEach(xs, Tape::done);
            xs = next;
        }
        return lanes.map(xs, (tape, x) -> {
            tape.save(x);
            NDArray features = LayerOps.meanPool(tape.manager, x);
            tape.done(x);
            return features;
        });
    }

    /** Runs backward; consumes {@code dys}, (N, width) for each group. */
    void backward(Lanes lanes, List<NDArray> dys) {
        List<NDArray> dxs = lanes.map(dys, (tape, dy) -> {
            NDArray last = tape.restore();
            NDArray dx = LayerOps.meanPoolBackward(tape.manager, dy, last);
            tape.spent(last);
            dy.close();
            return dx;
        });
        for (int i = blocks.size() - 1; i >= 0; i--) {
            ResidualBlock block = blocks.get(i);
            dxs = lanes.recompute ? lanes.backwardSparsely(block, dxs) : block.backward(lanes, dxs);
        }
        if (pool) {
            dxs = lanes.map(dxs, (tape, pooled) -> {
                NDArray indices = tape.restore();
                NDArray x = tape.restore();
                NDArray dx = LayerOps.maxPoolBackward(tape.manager, pooled, x, indices);
                tape.spent(x);
                tape.spent(indices);
                pooled.close();
                return dx;
            });
        }
        stem.backward(lanes, dxs, false);
    }
}
