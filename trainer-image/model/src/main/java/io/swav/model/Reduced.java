package io.swav.model;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Optional;

/**
 * A step whose sums over all ranks are complete.
 *
 * @param total the sum over all groups of all ranks, see {@link SumLayout}
 * @param norms of the parameters that the step changes, and of their gradients
 * @param notFinite what is NaN or infinite in the sums; empty if nothing is, and only then can the step be applied
 */
record Reduced(
        StepContext step,
        List<AssignedMicroBatch> microBatches,
        StepResult result,
        NDArray total,
        Larc.Norms norms,
        Optional<String> notFinite,
        CommunicationTimes communication)
        implements OpenStep {}
