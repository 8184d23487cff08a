package io.swav.model;

/**
 * The phases of a global step, in the order in which they first occur; decoding and forward alternate, group by group.
 */
public enum StepPhase {
    /** Waiting for crops, or making them if no worker has. */
    DECODE,
    FORWARD,
    SINKHORN,
    /** Loss and backward, and the second forward of micro-batches that memory could not hold. */
    BACKWARD,
    /** Summing gradients, statistics and loss over all groups of all ranks. */
    REDUCE,
    APPLY,
    /** Between two steps. */
    IDLE
}
