package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import io.swav.torch.TorchOps;
import java.util.List;

/** Computes one group's sums for {@link StepHealth}, on the device of its scores. */
final class HealthSums {
    private HealthSums() {}

    /**
     * Writes a group's sums.
     *
     * @param embeddingsBD of each assigned crop
     * @param scoresBK of each assigned crop
     * @param temperature τ
     * @param sums zeros, receives the sums in the layout of {@link StepHealth}
     */
    static void write(List<NDArray> embeddingsBD, List<NDArray> scoresBK, double temperature, NDArray sums) {
        long prototypes = scoresBK.get(0).getShape().get(1);
        long features = embeddingsBD.get(0).getShape().get(1);
        try (NDManager scope = sums.getManager().newSubManager()) {
            NDArray predictionsK = TorchOps.view(scope, sums, 0, prototypes);
            NDArray choicesK = TorchOps.view(scope, sums, prototypes, prototypes);
            NDArray embeddingsD = TorchOps.view(scope, sums, 2 * prototypes, features);
            NDArray squaresD = TorchOps.view(scope, sums, 2 * prototypes + features, features);
            NDArray entropy = TorchOps.view(scope, sums, 2 * (prototypes + features));
            for (NDArray crop : scoresBK) {
                NDArray logits = TorchOps.divided(scope, crop, temperature);
                try (NDArray logs = logits.logSoftmax(1);
                        NDArray probabilities = logs.exp();
                        NDArray mass = probabilities.sum(new int[] {0});
                        NDArray products = logs.muli(probabilities);
                        NDArray negated = products.sum();
                        NDArray best = logits.argMax(1);
                        NDArray chosen = best.oneHot((int) prototypes, DataType.FLOAT32);
                        NDArray counts = chosen.sum(new int[] {0})) {
                    predictionsK.addi(mass);
                    choicesK.addi(counts);
                    entropy.subi(negated);
                }
            }
            for (NDArray crop : embeddingsBD) {
                try (NDArray mass = crop.sum(new int[] {0});
                        NDArray square = crop.square();
                        NDArray squares = square.sum(new int[] {0})) {
                    embeddingsD.addi(mass);
                    squaresD.addi(squares);
                }
            }
        }
    }
}
