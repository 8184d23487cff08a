package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.List;
import java.util.Optional;

/**
 * SwAV's projection head: linear, batch norm, ReLU, linear, then L2 normalisation of every row. The batch norm may be
 * missing, or the whole hidden layer. Names are those that PyTorch gives to such a sequence.
 */
final class ProjectionHead {
    /** The name of the only layer of a head without a hidden one. */
    static final String ALONE = "projection_head";

    static final String FIRST = "projection_head.0";
    static final String NORM = "projection_head.1";
    private static final double EPSILON = 1e-12;

    private final int width;
    private final int hidden;
    private final boolean hasHidden;
    private final Optional<BatchNorm> norm;
    private final String last;

    ProjectionHead(Architecture architecture, FlatLayout parameters, FlatLayout buffers) {
        this.width = architecture.width();
        this.hidden = architecture.hidden();
        this.hasHidden = hidden > 0;
        this.last = last(hasHidden, architecture.headNorm());
        if (hasHidden) {
            parameters.add(FIRST + ".weight", hidden, width);
            parameters.add(FIRST + ".bias", hidden);
        }
        this.norm = hasHidden && architecture.headNorm()
                ? Optional.of(new BatchNorm(NORM, hidden, parameters, buffers))
                : Optional.empty();
        parameters.add(last + ".weight", architecture.features(), hasHidden ? hidden : width);
        parameters.add(last + ".bias", architecture.features());
    }

    /** Returns the name of the last layer. */
    static String last(boolean hasHidden, boolean norm) {
        return hasHidden ? "projection_head." + (norm ? 3 : 2) : ALONE;
    }

    /** Returns whether this is the bias of a linear layer of a head. */
    static boolean isBias(String name) {
        return name.matches("projection_head(\\.[023])?\\.bias");
    }

    /** Returns the number of inputs of the linear layer that has this bias. */
    int inputs(String bias) {
        return bias.equals(FIRST + ".bias") || !hasHidden ? width : hidden;
    }

    /** Maps each group's features (B, F) to embeddings (B, D), rows of norm 1. */
    List<NDArray> forward(Lanes lanes, List<NDArray> featuresBF) {
        return lanes.map(hasHidden ? hidden(lanes, featuresBF) : featuresBF, (tape, x) -> {
            tape.save(x);
            NDArray y = linear(tape, x, last);
            tape.done(x);
            NDArray lengths = y.norm(new int[] {1}, true);
            TorchOps.atLeast(lengths, EPSILON);
            tape.save(lengths);
            y.divi(lengths);
            tape.save(y);
            return y;
        });
    }

    private List<NDArray> hidden(Lanes lanes, List<NDArray> featuresBF) {
        List<NDArray> hidden = lanes.map(featuresBF, (tape, x) -> {
            tape.save(x);
            return linear(tape, x, FIRST);
        });
        List<NDArray> xs = hidden;
        if (norm.isPresent()) {
            xs = norm.get().forward(lanes, hidden);
            lanes.forEach(hidden, Tape::done);
        }
        lanes.forEach(xs, (tape, x) -> LayerOps.relu(x));
        return xs;
    }

    /** Runs backward; consumes the gradients of the embeddings and returns those of the features, (B, F). */
    List<NDArray> backward(Lanes lanes, List<NDArray> dysBD) {
        List<NDArray> dxs = lanes.map(dysBD, this::lastBackward);
        if (!hasHidden) {
            return dxs;
        }
        List<NDArray> dhs = norm.isPresent() ? norm.get().backward(lanes, dxs) : dxs;
        return lanes.map(dhs, (tape, dy) -> {
            if (norm.isEmpty()) {
                tape.gradients().add(FIRST + ".bias", dy.sum(new int[] {0}));
            }
            NDArray features = tape.restore();
            NDArray dFeatures = linearBackward(tape, dy, features, FIRST);
            tape.spent(features);
            return dFeatures;
        });
    }

    private NDArray lastBackward(Tape tape, NDArray dyBD) {
        NDArray y = tape.restore(); // the embedding, which others also read
        NDArray lengths = tape.restore();
        // z = y/‖y‖: dy = (dz − z·<z, dz>)/‖y‖
        NDArray along = y.mul(dyBD).sum(new int[] {1}, true);
        NDArray dx = dyBD.sub(y.mul(along)).divi(lengths);
        tape.spent(lengths);
        dyBD.close();
        NDArray input = tape.restore();
        tape.gradients().add(last + ".bias", dx.sum(new int[] {0}));
        NDArray dh = linearBackward(tape, dx, input, last);
        if (hasHidden) {
            LayerOps.reluBackward(dh, input);
        }
        tape.spent(input);
        if (norm.isPresent()) {
            // The first bias stands directly before a batch norm, so its gradient is 0. Computing it would give
            // rounding
            // noise, which LARC scales to full size and which differs between any two orders of summing.
            tape.gradients().none(FIRST + ".bias");
        }
        return dh;
    }

    private static NDArray linear(Tape tape, NDArray x, String name) {
        return TorchOps.linear(
                tape.manager,
                tape.precision,
                x,
                tape.weight(name + ".weight"),
                Optional.of(tape.weight(name + ".bias")));
    }

    private static NDArray linearBackward(Tape tape, NDArray dy, NDArray x, String name) {
        tape.gradients().add(name + ".weight", TorchOps.matmulTransposed(tape.manager, tape.precision, dy, x));
        NDArray dx = TorchOps.matmul(tape.manager, tape.precision, dy, tape.weight(name + ".weight"));
        dy.close();
        return dx;
    }
}
