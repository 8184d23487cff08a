package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * A micro-batch with its codes.
 *
 * @param codesBK for each of its groups, for each assigned crop, (groupSize, K)
 */
record AssignedMicroBatch(StepContext step, ScoredMicroBatch scored, List<List<NDArray>> codesBK) {
    /**
     * Computes loss and gradients of this micro-batch; to be called once.
     *
     * @param flat receives all of them, see {@link SumLayout}
     * @param done receives the name of every parameter whose gradient is complete in {@code flat}
     */
    void backward(NDArray flat, Consumer<String> done) {
        scored.backward(loss(flat), flat, done);
    }

    /** Writes the loss and the code sums into {@code flat}; returns d loss / d scores. */
    private NDArray loss(NDArray flat) {
        StepSettings settings = step.settings;
        SwappedPrediction prediction = new SwappedPrediction(
                settings.temperature(), settings.allCrops(), settings.assigned(), settings.batch());
        NDArray dScoresBK = scored.emptyLikeScores();
        try (NDManager scope = step.manager.newSubManager()) {
            NDArray loss = step.layout.loss(scope, flat);
            NDArray usedK = step.layout.codes(scope, flat);
            for (int i = 0; i < codesBK.size(); i++) {
                int group = scored.firstGroup() + i;
                List<NDArray> scoresBK = scored.scores(group, settings.allCrops());
                List<NDArray> slopesBK = scored.perCrop(dScoresBK, group, settings.allCrops());
                loss.addi(prediction.group(scope, scoresBK, codesBK.get(i), slopesBK));
                for (NDArray codeBK : codesBK.get(i)) {
                    NDArray sumsK = codeBK.sum(new int[] {0});
                    usedK.addi(sumsK);
                    sumsK.close();
                }
                scoresBK.forEach(NDArray::close);
                slopesBK.forEach(NDArray::close);
            }
        }
        return dScoresBK;
    }

    /** Returns the results for every crop of its groups, see {@link Learner#outputs}. */
    List<Learner.Output> outputs() {
        int crops = step.settings.allCrops();
        List<Learner.Output> outputs = new ArrayList<>();
        for (int i = 0; i < codesBK.size(); i++) {
            int group = scored.firstGroup() + i;
            outputs.add(new Learner.Output(
                    group, scored.embeddings(group, crops), scored.scores(group, crops), List.copyOf(codesBK.get(i))));
        }
        return outputs;
    }
}
