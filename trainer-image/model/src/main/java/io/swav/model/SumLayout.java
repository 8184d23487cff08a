package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;

/**
 * The flat array that a step sums over all groups of all ranks: [gradients of all parameters | batch statistics | loss |
 * sums for {@link StepHealth}].
 *
 * @param statistics elements of the batch statistics
 * @param prototypes K
 * @param features D, elements of an embedding
 */
record SumLayout(FlatLayout parameters, long statistics, long prototypes, long features) {
    /** Elements of the loss: one number, and zeros. */
    private static final int LOSS = 16;

    static SumLayout of(Model model, int resolutions) {
        return new SumLayout(
                model.parameters,
                model.statisticsSize(resolutions),
                model.architecture().prototypes(),
                model.architecture().features());
    }

    long size() {
        return healthAt() + StepHealth.size(prototypes, features);
    }

    /**
     * Allocates the flat array. Backward writes every slot, and frees activations meanwhile: memory is not taken for
     * both.
     */
    NDArray allocate(NDManager manager) {
        NDArray flat = TorchOps.empty(manager, size());
        parameters.clearGaps(flat);
        return flat;
    }

    /** Returns a view of the batch statistics, laid out as in {@link Model#forward}. */
    NDArray statistics(NDManager manager, NDArray flat) {
        return TorchOps.view(manager, flat, parameters.size(), statistics);
    }

    /** Returns a view of the loss, a scalar. */
    NDArray loss(NDManager manager, NDArray flat) {
        return TorchOps.view(manager, flat, lossAt());
    }

    /** Returns a view of the sums for {@link StepHealth}, laid out as there. */
    NDArray health(NDManager manager, NDArray flat) {
        return TorchOps.view(manager, flat, healthAt(), StepHealth.size(prototypes, features));
    }

    private long lossAt() {
        return parameters.size() + statistics;
    }

    private long healthAt() {
        return lossAt() + LOSS;
    }
}
