package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.CollectiveException;
import io.swav.torch.StateSum;
import io.swav.torch.TorchOps;
import java.util.List;

/**
 * What the ranks agree on in the message of Sinkhorn's first reduction, which takes the minimum: their vote, that all of
 * them compute the same step, and whether their states are equal. A rank that alone dropped a step, because its own copy
 * of a sum was damaged, would otherwise be summed with ranks that are one step further.
 *
 * @param vote minimum of the ranks' votes
 * @param diverged whether the ranks' states differ
 */
record StepAgreement(long vote, boolean diverged) {
    private static final int NUMBERS = 3;
    /** The length of {@link #votes}. */
    static final int LENGTH = NUMBERS + 2;

    /**
     * Returns this rank's part, (5) FLOAT64; the reduction replaces it by its minimum over all ranks.
     *
     * @param state the arrays in which the ranks must not differ; empty for a single rank
     */
    static NDArray votes(StepContext step, long vote, List<NDArray> state) {
        NDArray votes = step.manager.zeros(new Shape(NUMBERS), DataType.FLOAT64);
        double[] values = {vote, step.globalStep, -step.globalStep};
        for (int i = 0; i < NUMBERS; i++) {
            try (NDArray place = TorchOps.rows(step.manager, votes, i, i + 1)) {
                TorchOps.fill(place, values[i]);
            }
        }
        NDArray sums = state.isEmpty()
                ? step.manager.zeros(new Shape(LENGTH - NUMBERS), DataType.FLOAT64)
                : StateSum.of(step.manager, state);
        return TorchOps.concat(step.manager, List.of(votes, sums), 0);
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
        return new StepAgreement((long) values[from], values[from + NUMBERS] + values[from + NUMBERS + 1] != 0);
    }
}
