package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.TorchOps;
import java.util.List;

/** Sinkhorn's reductions over the groups of all ranks, and the minimum of the ranks' votes, which travels with the maximum. */
final class RankReduction implements Sinkhorn.Reduction {
    private final StepContext step;
    private final NDArray votes;

    /**
     * @param votes (n) FLOAT64, replaced by its minimum over all ranks in the message that reduces the maximum, so that
     *     it costs none of its own
     */
    RankReduction(StepContext step, NDArray votes) {
        this.step = step;
        this.votes = votes;
    }

    @Override
    public void max(NDArray valuesAK) {
        try (NDManager scope = step.manager.newSubManager()) {
            long size = valuesAK.size();
            long end = size + votes.size();
            NDArray both = scope.zeros(new Shape(end), DataType.FLOAT64);
            NDArray negatedAK = TorchOps.rows(scope, both, 0, size);
            NDArray last = TorchOps.rows(scope, both, size, end);
            NDArray negated = valuesAK.neg();
            TorchOps.copy(negated, negatedAK);
            negated.close();
            TorchOps.copy(votes, last);
            step.collective.allReduceMin(both);
            TorchOps.copy(last, votes);
            TorchOps.scale(negatedAK, -1);
            TorchOps.copy(negatedAK, valuesAK);
        }
    }

    @Override
    public NDArray sum(List<NDArray> perGroupAK) {
        // small, so it is summed in one order in either mode: backward amplifies what rounding does to a code
        GradientSum rows = GradientSum.inOneOrder(step.settings.groups(), step.ownGroups());
        perGroupAK.forEach(rows::add);
        return rows.total(step.collective, step.runs);
    }
}
