package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;

/**
 * The swapped prediction loss (SwAV section 3.1, equations 1, 2 and 6) with its gradient: for every assigned crop i and
 * every other crop v, −Σ_k q_i·ln softmax(scores_v/τ), mean over the n − 1 other crops, over the assigned crops, and
 * over the global batch.
 *
 * @param temperature τ
 * @param crops n, all crops of an image
 * @param assigned crops with codes: the first ones
 * @param globalBatch images that the mean is over
 */
public record SwappedPrediction(double temperature, int crops, int assigned, long globalBatch) {

    /**
     * Computes one group's share of the loss.
     *
     * @param scoresBK for each crop, (groupSize, K)
     * @param codesBK for each assigned crop, (groupSize, K)
     * @param gradientsBK for each crop, (groupSize, K): receives d loss / d scores
     * @return sum of this group's terms divided as the global mean is, a scalar attached to {@code manager}
     */
    public NDArray group(NDManager manager, List<NDArray> scoresBK, List<NDArray> codesBK, List<NDArray> gradientsBK) {
        double scale = 1.0 / ((double) globalBatch * assigned * (crops - 1));
        try (NDManager scope = manager.newSubManager()) {
            NDArray all = scope.zeros(codesBK.get(0).getShape());
            codesBK.forEach(all::addi);
            List<NDArray> terms = new ArrayList<>();
            for (int v = 0; v < crops; v++) {
                NDArray target = v < assigned ? all.sub(codesBK.get(v)) : all;
                NDArray mass = target.sum(new int[] {1}, true);
                NDArray logits = TorchOps.divided(scope, scoresBK.get(v), temperature);
                NDArray logs = logits.logSoftmax(1);
                NDArray products = logs.mul(target);
                terms.add(products.sum());
                NDArray gradient = logs.exp();
                gradient.muli(mass).subi(target);
                TorchOps.scale(gradient, scale / temperature);
                TorchOps.copy(gradient, gradientsBK.get(v));
                List.of(mass, logits, logs, products, gradient).forEach(NDArray::close);
                if (target != all) {
                    target.close();
                }
            }
            NDArray loss = terms.get(0);
            for (NDArray term : terms.subList(1, terms.size())) {
                loss.addi(term);
                term.close();
            }
            TorchOps.scale(loss, -scale);
            loss.attach(manager);
            return loss;
        }
    }
}
