package io.swav.model;

/** What a global step is made of, in the order of its first parts; decoding and forward take turns, group by group. */
public enum StepPhase {
    /** Waiting for crops, or making them where no worker did. */
    DECODE,
    FORWARD,
    SINKHORN,
    /** Loss and backward, and the second forward of what memory did not hold. */
    BACKWARD,
    /** Summing gradients, statistics and loss over all groups of all ranks. */
    REDUCE,
    APPLY,
    /** Between two steps. */
    IDLE
}
