package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.CollectiveException;
import io.swav.torch.TorchOps;

/**
 * What the ranks agree on in the message of Sinkhorn's first reduction, which takes the minimum: their vote, and that all
 * of them compute the same step. A rank that alone dropped a step, because its own copy of a sum was damaged, would
 * otherwise be summed with ranks that are one step further.
 *
 * @param vote minimum of the ranks' votes
 */
record StepAgreement(long vote) {
    /** The length of {@link #votes}. */
    static final int LENGTH = 3;

    /** Returns this rank's part, (3) FLOAT64; the reduction replaces it by its minimum over all ranks. */
    static NDArray votes(StepContext step, long vote) {
        NDArray votes = step.manager.zeros(new Shape(LENGTH), DataType.FLOAT64);
        double[] values = {vote, step.globalStep, -step.globalStep};
        for (int i = 0; i < LENGTH; i++) {
            try (NDArray place = TorchOps.rows(step.manager, votes, i, i + 1)) {
                TorchOps.fill(place, values[i]);
            }
        }
        return votes;
    }

    /**
     * Reads the minimum over all ranks.
     *
     * @param values that begin with it at {@code from}
     * @throws CollectiveException on every rank alike if the ranks compute different steps
     */
    static StepAgreement of(double[] values, int from) {
        long first = (long) values[from + 1];
        long last = (long) -values[from + 2];
        if (first != last) {
            throw new CollectiveException("the ranks are at different steps, " + first + " and " + last
                    + ": the step is dropped, and the newest state is shared again");
        }
        return new StepAgreement((long) values[from]);
    }
}
