package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;

/**
 * The flat array that a step sums over all groups of all ranks: [gradients of all parameters | batch statistics | loss |
 * summed codes].
 *
 * @param statistics elements of the batch statistics
 * @param prototypes K
 */
record SumLayout(FlatLayout parameters, long statistics, long prototypes) {
    /** Elements of the loss: one number, and zeros. */
    private static final int LOSS = 16;

    static SumLayout of(Model model, int resolutions) {
        return new SumLayout(
                model.parameters,
                model.statisticsSize(resolutions),
                model.architecture().prototypes());
    }

    long size() {
        return codesAt() + prototypes;
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

    /** Returns a view of the sum of all assigned crops' codes, (K). */
    NDArray codes(NDManager manager, NDArray flat) {
        return TorchOps.view(manager, flat, codesAt(), prototypes);
    }

    private long lossAt() {
        return parameters.size() + statistics;
    }

    private long codesAt() {
        return lossAt() + LOSS;
    }
}
