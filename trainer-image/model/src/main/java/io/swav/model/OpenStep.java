package io.swav.model;

import java.util.List;

/** A step between two calls of the {@link Learner}: its sums are in progress, or complete. */
sealed interface OpenStep permits Reducing, Reduced {
    StepContext step();

    List<AssignedMicroBatch> microBatches();
}
