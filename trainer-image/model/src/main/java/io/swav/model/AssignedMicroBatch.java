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
     * @param flats receive those of each group, see {@link SumLayout}
     * @param done receives the name of every parameter whose gradients are complete in all of {@code flats}
     */
    void backward(List<NDArray> flats, Consumer<String> done) {
        scored.backward(loss(flats), flats, done);
    }

    /** Writes each group's loss and the sums of its health into its flat array; returns d loss / d scores of each. */
    private List<NDArray> loss(List<NDArray> flats) {
        StepSettings settings = step.settings;
        SwappedPrediction prediction = new SwappedPrediction(
                settings.temperature(), settings.allCrops(), settings.assigned(), settings.batch());
        List<NDArray> dScoresBK = scored.emptyLikeScores();
        try (NDManager scope = step.manager.newSubManager()) {
            for (int i = 0; i < codesBK.size(); i++) {
                NDArray loss = step.layout.loss(scope, flats.get(i));
                NDArray health = step.layout.health(scope, flats.get(i));
                List<NDArray> scoresBK = scored.scores(scored.firstGroup() + i, settings.allCrops());
                List<NDArray> slopesBK = scored.perCrop(dScoresBK.get(i), settings.allCrops());
                loss.addi(prediction.group(scope, scoresBK, codesBK.get(i), slopesBK));
                HealthSums.write(
                        scored.embeddings(scored.firstGroup() + i, settings.assigned()),
                        scoresBK.subList(0, settings.assigned()),
                        settings.temperature(),
                        health);
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
