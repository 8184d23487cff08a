package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.List;

/**
 * LARC around SGD with momentum (no dampening, no Nesterov). Unless a parameter or its gradient is all zero, g becomes
 * (g + wd·p)·η‖p‖/(‖g‖ + wd‖p‖ + 1e-8); a parameter that is exactly zero takes its raw gradient.
 *
 * <p>All parameters are updated together, laid out side by side ({@link FlatLayout}), and nothing waits for the device:
 * norms, factors and the step are some twenty kernels, whatever the number of parameters.
 *
 * @param momentum of SGD
 * @param weightDecay wd
 * @param trust η
 * @param clip whether the scale is at most 1 times the learning rate, i.e. min(scale/lr, 1)
 * @param exclude whether biases and batch norms take their raw gradients
 */
public record Larc(double momentum, double weightDecay, double trust, boolean clip, boolean exclude) {
    private static final double EPSILON = 1e-8;

    /** Creates LARC for all parameters. */
    public Larc(double momentum, double weightDecay, double trust, boolean clip) {
        this(momentum, weightDecay, trust, clip, false);
    }

    /** Euclidean norms of n parameters and of their gradients, (n) FLOAT64 each, on the device of the parameters. */
    public record Norms(NDArray parameters, NDArray gradients) {
        public static Norms of(NDManager manager, List<NDArray> parameters, List<NDArray> gradients) {
            return new Norms(TorchOps.norms(manager, parameters), TorchOps.norms(manager, gradients));
        }

        /**
         * Sets norms of parameters to zero, so that these take their raw gradients; NaN and infinity stay NaN.
         *
         * @param kept (at least n) FLOAT64, 0 for each of them and 1 for the others
         */
        void exclude(NDArray kept) {
            try (NDArray flags = TorchOps.rows(parameters.getManager(), kept, 0, parameters.size())) {
                parameters.muli(flags);
            }
        }
    }

    /**
     * The state of n parameters with equal layouts: flat arrays of whole rows. A step changes parameters, gradients and
     * velocities.
     */
    public record Flat(NDArray parameters, NDArray gradients, NDArray velocities, NDArray owners) {
        /**
         * Returns the parameters before element {@code end}, at which another one begins; the views are attached to
         * {@code scope}.
         */
        Flat before(NDManager scope, long end) {
            return new Flat(
                    TorchOps.rows(scope, parameters, 0, end),
                    TorchOps.rows(scope, gradients, 0, end),
                    TorchOps.rows(scope, velocities, 0, end),
                    TorchOps.rows(scope, owners, 0, end / FlatLayout.ROW));
        }
    }

    /**
     * Performs one optimizer step. Velocities start as zeros; {@code norms} are of the parameters in {@code flat}, all
     * finite.
     */
    public void step(NDManager manager, Flat flat, Norms norms, double learningRate) {
        try (NDManager scope = manager.newSubManager()) {
            NDArray scale = TorchOps.scaled(scope, norms.parameters(), trust);
            NDArray bottom = TorchOps.scaled(scope, norms.parameters(), weightDecay);
            bottom.addi(norms.gradients());
            TorchOps.add(bottom, EPSILON);
            scale.divi(bottom);
            if (clip) {
                TorchOps.divide(scale, learningRate);
                TorchOps.atMost(scale, 1);
            }
            NDArray both = norms.parameters().mul(norms.gradients());
            both.attach(scope);
            NDArray decay = TorchOps.emptyLike(scope, both);
            TorchOps.fill(decay, weightDecay);
            NDArray decays = TorchOps.at(scope, TorchOps.where(scope, both, decay, 0), flat.owners());
            NDArray scales = TorchOps.at(scope, TorchOps.where(scope, both, scale, 1), flat.owners());
            TorchOps.addScaledRows(flat.gradients(), flat.parameters(), decays);
            TorchOps.scale(flat.velocities(), momentum);
            TorchOps.addScaledRows(flat.velocities(), flat.gradients(), scales);
            TorchOps.addScaled(flat.parameters(), flat.velocities(), -learningRate);
        }
    }
}
