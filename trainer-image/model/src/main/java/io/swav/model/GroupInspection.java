package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Computes one group as if it were the batch, and searches what a step computes, in that order, for the first value that
 * is not finite. Within the batch one such group makes the codes of all groups NaN, and cannot be distinguished from
 * them.
 */
final class GroupInspection {
    private final StepContext step;
    private final Reduced reduced;
    private final Optional<String> input;

    private GroupInspection(StepContext step, Reduced reduced, Optional<String> input) {
        this.step = step;
        this.reduced = reduced;
        this.input = input;
    }

    /**
     * Inspects a group.
     *
     * @param step over one group, by itself
     * @param group of the global batch
     */
    static Optional<NotFiniteValue> of(StepContext step, CropSource crops, int group) {
        CropInspection inspected = new CropInspection(crops, group);
        Reduced reduced =
                Forward.of(step, inspected).assign(0, List.of()).backward().await();
        GroupInspection inspection = new GroupInspection(step, reduced, inspected.notFinite);
        return inspection
                .first()
                .map(tensor ->
                        new NotFiniteValue(group, tensor, reduced.result().loss(), inspection.gradientNorm()));
    }

    /** Looks at the crops before the step takes them. */
    private static final class CropInspection implements CropSource {
        private final CropSource from;
        private final int group;
        private Optional<String> notFinite = Optional.empty();

        CropInspection(CropSource from, int group) {
            this.from = from;
            this.group = group;
        }

        @Override
        public List<NDArray> group(NDManager manager, int only) {
            List<NDArray> crops = from.group(manager, group);
            notFinite = NotFiniteValue.first("the crops of resolution", crops);
            return crops;
        }
    }

    private Optional<String> first() {
        Learner.Output output = reduced.microBatches().get(0).outputs().get(0);
        return input.or(() -> NotFiniteValue.first("the embeddings of crop", output.embeddingsBD()))
                .or(() -> NotFiniteValue.first("the scores of crop", output.scoresBK()))
                .or(() -> NotFiniteValue.first("the codes of crop", output.codesBK()))
                .or(this::loss)
                .or(this::gradient)
                .or(reduced::notFinite);
    }

    private Optional<String> loss() {
        return Double.isFinite(reduced.result().loss()) ? Optional.empty() : Optional.of("the loss");
    }

    /** Backward ends at the first parameter, so the last one that is not finite is where it began. */
    private Optional<String> gradient() {
        Map<String, NDArray> gradients = step.model.parameters.views(step.manager, reduced.total(), 0);
        Optional<String> last = Optional.empty();
        for (Map.Entry<String, NDArray> gradient : gradients.entrySet()) {
            if (!NotFiniteValue.isFinite(gradient.getValue())) {
                last = Optional.of("the gradient of " + gradient.getKey());
            }
        }
        return last;
    }

    private double gradientNorm() {
        double squares = 0;
        for (double norm : TorchOps.read(List.of(reduced.norms().gradients()))) {
            squares += norm * norm;
        }
        return Math.sqrt(squares);
    }
}
