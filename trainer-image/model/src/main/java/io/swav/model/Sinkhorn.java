package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;

/**
 * Codes by Sinkhorn–Knopp over the whole global batch (SwAV section 3.1, equation 3): Q = exp(scores/ε)ᵀ, then
 * alternately every prototype's row is scaled to sum 1/K and every sample's column to sum 1/B; the result is multiplied
 * by B.
 *
 * <p>Nothing overflows at any ε. Every row is first divided by its largest entry (one maximum over all samples), so row
 * sums are in [1, B]. The first column step is a softmax. After it every entry is at most 1 and, because the total mass
 * of the rows before it was at most 1, every later row sum is at least 1/K: plain sums are safe from there on. Constant
 * factors (1/K, 1/B) cancel in the column step and are left out.
 *
 * @param epsilon ε, the entropy's weight
 * @param iterations row and column steps, at least 1
 */
public record Sinkhorn(double epsilon, int iterations) {
    public Sinkhorn {
        if (!(epsilon > 0) || iterations < 1) {
            throw new IllegalArgumentException(
                    "assignment.epsilon must be above 0 and assignment.iterations at least 1, they are " + epsilon
                            + " and " + iterations);
        }
    }

    /** The reductions over groups and ranks; all assigned crops travel together, A·K numbers a call. */
    public interface Reduction {
        /** Computes the maximum over all ranks in place. */
        void max(NDArray valuesAK);

        /**
         * Returns the sum over all groups of all ranks, (A·K). Takes one array for each local group, ascending, and takes
         * ownership of them.
         */
        NDArray sum(List<NDArray> perGroupAK);
    }

    /**
     * Computes the codes of the local groups.
     *
     * @param scoresBK for each local group, for each assigned crop, (groupSize, K) FLOAT32
     * @return codes in the same arrangement, rows sum to 1, attached to {@code manager}
     */
    public List<List<NDArray>> codes(NDManager manager, List<List<NDArray>> scoresBK, Reduction reduction) {
        int assigned = scoresBK.get(0).size();
        long prototypes = scoresBK.get(0).get(0).getShape().get(1);
        try (NDManager scope = manager.newSubManager()) {
            NDArray highestAK = highest(scope, scoresBK);
            reduction.max(highestAK);
            List<List<NDArray>> codesBK = new ArrayList<>();
            for (List<NDArray> group : scoresBK) {
                List<NDArray> logitsBK = new ArrayList<>();
                for (int a = 0; a < assigned; a++) {
                    NDArray topK = TorchOps.view(scope, highestAK, a * prototypes, prototypes);
                    NDArray logit = group.get(a).sub(topK);
                    TorchOps.scale(logit, 1 / epsilon);
                    logit.attach(manager);
                    logitsBK.add(logit);
                }
                codesBK.add(logitsBK);
            }
            List<NDArray> rowsK = rows(scope, reduction, codesBK, true);
            for (int i = 1; i <= iterations; i++) {
                for (List<NDArray> group : codesBK) {
                    for (int a = 0; a < assigned; a++) {
                        if (i == 1) {
                            group.set(a, softmax(manager, group.get(a), rowsK.get(a)));
                        } else {
                            column(group.get(a), rowsK.get(a));
                        }
                    }
                }
                if (i < iterations) {
                    rowsK = rows(scope, reduction, codesBK, false);
                }
            }
            return codesBK;
        }
    }

    /** Returns every prototype's highest score in the local groups, (A·K). */
    private static NDArray highest(NDManager scope, List<List<NDArray>> scoresBK) {
        List<NDArray> tops = new ArrayList<>();
        for (List<NDArray> group : scoresBK) {
            List<NDArray> each = new ArrayList<>();
            for (NDArray crop : group) {
                each.add(crop.max(new int[] {0}));
            }
            tops.add(TorchOps.concat(scope, each, 0));
            each.forEach(NDArray::close);
        }
        NDArray all = tops.get(0);
        for (NDArray top : tops.subList(1, tops.size())) {
            NDArray both = all.maximum(top);
            both.attach(scope);
            all = both;
        }
        return all;
    }

    /** Returns the row sums over the global batch, (K) for each assigned crop. */
    private static List<NDArray> rows(
            NDManager scope, Reduction reduction, List<List<NDArray>> matricesBK, boolean logarithms) {
        int assigned = matricesBK.get(0).size();
        List<NDArray> perGroupAK = new ArrayList<>();
        for (List<NDArray> group : matricesBK) {
            List<NDArray> each = new ArrayList<>();
            for (NDArray crop : group) {
                if (logarithms) {
                    try (NDArray values = crop.exp()) {
                        each.add(values.sum(new int[] {0}));
                    }
                } else {
                    each.add(crop.sum(new int[] {0}));
                }
            }
            perGroupAK.add(TorchOps.concat(scope, each, 0));
            each.forEach(NDArray::close);
        }
        NDArray totalAK = reduction.sum(perGroupAK);
        long prototypes = totalAK.size() / assigned;
        List<NDArray> rowsK = new ArrayList<>();
        for (int a = 0; a < assigned; a++) {
            rowsK.add(TorchOps.view(scope, totalAK, a * prototypes, prototypes));
        }
        return rowsK;
    }

    /** Performs the first row and column step in one: softmax over prototypes of logits − ln(row sums). */
    private static NDArray softmax(NDManager manager, NDArray logitsBK, NDArray rowsK) {
        try (NDArray logs = rowsK.log()) {
            logitsBK.subi(logs);
            NDArray result = logitsBK.softmax(1);
            result.attach(manager);
            logitsBK.close();
            return result;
        }
    }

    private static void column(NDArray codesBK, NDArray rowsK) {
        codesBK.divi(rowsK);
        try (NDArray columns = codesBK.sum(new int[] {1}, true)) {
            codesBK.divi(columns);
        }
    }
}
