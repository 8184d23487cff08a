package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.tensor.Kernels;
import java.util.List;

/**
 * LARC around SGD with momentum (no dampening, no Nesterov). Where neither a parameter nor its gradient is all zero,
 * g becomes (g + wd·p)·η‖p‖/(‖g‖ + wd‖p‖ + 1e-8); a parameter that is exactly zero takes its raw gradient.
 *
 * <p>All parameters go together, laid out side by side ({@link Layout}), and nothing waits for the device: norms, factors
 * and the step are some twenty kernels however many parameters there are.
 *
 * @param momentum of SGD
 * @param weightDecay wd
 * @param trust η
 * @param clip whether the scale is at most 1 times the learning rate, i.e. min(scale/lr, 1)
 */
public record Larc(double momentum, double weightDecay, double trust, boolean clip) {
    private static final double EPSILON = 1e-8;

    /** Euclidean norms of n parameters and of their gradients, (n) FLOAT64 each, where those lie. */
    public record Norms(NDArray parameters, NDArray gradients) {
        public static Norms of(NDManager manager, List<NDArray> parameters, List<NDArray> gradients) {
            return new Norms(Kernels.norms(manager, parameters), Kernels.norms(manager, gradients));
        }
    }

    /** What moves each of n parameters, laid out alike: flat arrays of whole rows, of which a step changes all three. */
    public record Flat(NDArray parameters, NDArray gradients, NDArray velocities, NDArray owners) {
        /** The parameters before element {@code end}, where another one begins; views attached to {@code scope}. */
        Flat before(NDManager scope, long end) {
            return new Flat(
                    Kernels.rows(scope, parameters, 0, end),
                    Kernels.rows(scope, gradients, 0, end),
                    Kernels.rows(scope, velocities, 0, end),
                    Kernels.rows(scope, owners, 0, end / Layout.ROW));
        }
    }

    /** One optimizer step. Velocities start as zeros; {@code norms} are of the parameters in {@code flat}, all finite. */
    public void step(NDManager manager, Flat flat, Norms norms, double learningRate) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray scale = Kernels.scaled(scope, norms.parameters(), trust);
            NDArray bottom = Kernels.scaled(scope, norms.parameters(), weightDecay);
            bottom.addi(norms.gradients());
            Kernels.add(bottom, EPSILON);
            scale.divi(bottom);
            if (clip) {
                Kernels.divide(scale, learningRate);
                Kernels.atMost(scale, 1);
            }
            NDArray both = norms.parameters().mul(norms.gradients());
            both.attach(scope);
            NDArray decay = Kernels.emptyLike(scope, both);
            Kernels.fill(decay, weightDecay);
            NDArray decays = Kernels.at(scope, Kernels.where(scope, both, decay, 0), flat.owners());
            NDArray scales = Kernels.at(scope, Kernels.where(scope, both, scale, 1), flat.owners());
            Kernels.addScaledRows(flat.gradients(), flat.parameters(), decays);
            Kernels.scale(flat.velocities(), momentum);
            Kernels.addScaledRows(flat.velocities(), flat.gradients(), scales);
            Kernels.addScaled(flat.parameters(), flat.velocities(), -learningRate);
        }
    }
}
