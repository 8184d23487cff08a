package io.swav.model;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * A step whose sums over all ranks are complete: it can be applied.
 *
 * @param total the sum over all groups of all ranks, see {@link SumLayout}
 * @param norms of the parameters that the step changes, and of their gradients
 */
record Reduced(
        StepContext step,
        List<AssignedMicroBatch> microBatches,
        StepResult result,
        NDArray total,
        Larc.Norms norms,
        CommunicationTimes communication)
        implements OpenStep {}
