package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.List;
import java.util.Optional;

/** SwAV's projection head: linear, batch norm, ReLU, linear, then L2 normalisation of every row. */
final class ProjectionHead {
    private static final String FIRST = "projection_head.0";
    private static final String NORM = "projection_head.1";
    private static final String LAST = "projection_head.3";
    private static final double EPSILON = 1e-12;

    private final BatchNorm norm;

    ProjectionHead(Architecture architecture, FlatLayout parameters, FlatLayout buffers) {
        parameters.add(FIRST + ".weight", architecture.hidden(), architecture.width());
        parameters.add(FIRST + ".bias", architecture.hidden());
        this.norm = new BatchNorm(NORM, architecture.hidden(), parameters, buffers);
        parameters.add(LAST + ".weight", architecture.features(), architecture.hidden());
        parameters.add(LAST + ".bias", architecture.features());
    }

    /** Maps each group's features (B, F) to embeddings (B, D), rows of norm 1. */
    List<NDArray> forward(Lanes lanes, List<NDArray> featuresBF) {
        List<NDArray> hidden = lanes.map(featuresBF, (tape, x) -> {
            tape.save(x);
            return linear(tape, x, FIRST);
        });
        List<NDArray> xs = norm.forward(lanes, hidden);
        lanes.forEach(hidden, Tape::done);
        return lanes.map(xs, (tape, x) -> {
            LayerOps.relu(x);
            tape.save(x);
            NDArray y = linear(tape, x, LAST);
            tape.done(x);
            NDArray lengths = y.norm(new int[] {1}, true);
            TorchOps.atLeast(lengths, EPSILON);
            tape.save(lengths);
            y.divi(lengths);
            tape.save(y);
            return y;
        });
    }

    /** Runs backward; consumes the gradients of the embeddings and returns those of the features, (B, F). */
    List<NDArray> backward(Lanes lanes, List<NDArray> dysBD) {
        List<NDArray> dhs = lanes.map(dysBD, ProjectionHead::lastBackward);
        return lanes.map(norm.backward(lanes, dhs), (tape, dy) -> {
            NDArray features = tape.restore();
            NDArray dFeatures = linearBackward(tape, dy, features, FIRST);
            tape.spent(features);
            return dFeatures;
        });
    }

    private static NDArray lastBackward(Tape tape, NDArray dyBD) {
        NDArray y = tape.restore(); // the embedding, which others also read
        NDArray lengths = tape.restore();
        // z = y/‖y‖: dy = (dz − z·<z, dz>)/‖y‖
        NDArray along = y.mul(dyBD).sum(new int[] {1}, true);
        NDArray dx = dyBD.sub(y.mul(along)).divi(lengths);
        tape.spent(lengths);
        dyBD.close();
        NDArray hidden = tape.restore();
        tape.gradients().add(LAST + ".bias", dx.sum(new int[] {0}));
        NDArray dh = linearBackward(tape, dx, hidden, LAST);
        LayerOps.reluBackward(dh, hidden);
        tape.spent(hidden);
        // The first bias stands directly before a batch norm, so its gradient is 0. Computing it would give rounding
        // noise, which LARC scales to full size and which differs between any two orders of summing.
        tape.gradients().none(FIRST + ".bias");
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
