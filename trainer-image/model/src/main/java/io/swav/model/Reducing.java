package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.CommunicationThread;
import io.swav.torch.TorchOps;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A step after backward: the sums over all groups of all ranks are in progress. */
record Reducing(
        StepContext step,
        List<AssignedMicroBatch> microBatches,
        NDArray agreed,
        GradientSum.OpenSum sum,
        CommunicationThread communication)
        implements OpenStep {

    /**
     * Waits for the sums, and for the device: the only such wait in a step.
     *
     * @throws io.swav.collective.CollectiveException on every rank alike if the ranks compute different steps
     */
    Reduced await() {
        communication.await();
        step.collective.synchronize();
        NDArray total = sum.total();
        Larc.Norms norms = norms(total);
        double[] seen;
        try (NDManager scope = step.manager.newSubManager()) {
            seen = TorchOps.read(List.of(
                    step.layout.loss(scope, total),
                    agreed,
                    sum(scope, norms.parameters()),
                    sum(scope, norms.gradients()),
                    sum(scope, step.layout.statistics(scope, total)),
                    norms.gradients(),
                    step.layout.health(scope, total)));
        }
        StepAgreement agreement = StepAgreement.of(seen, 1);
        int next = 1 + StepAgreement.LENGTH;
        Optional<String> notFinite = notFinite(seen[0], seen[next], seen[next + 1], seen[next + 2]);
        Optional<StepHealth> health = notFinite.isEmpty()
                ? Optional.of(health(seen, next + 3, (int) norms.gradients().size()))
                : Optional.empty();
        return new Reduced(
                step,
                microBatches,
                new StepResult(seen[0], health, agreement.vote(), agreement.diverged()),
                total,
                norms,
                notFinite,
                new CommunicationTimes(communication.pieces(), communication.waited()));
    }

    /**
     * Returns the health from what was read.
     *
     * @param from where the norms of the gradients begin; the sums follow
     * @param parameters the number of norms
     */
    private StepHealth health(double[] seen, int from, int parameters) {
        double squares = 0;
        for (int i = from; i < from + parameters; i++) {
            squares += seen[i] * seen[i];
        }
        long crops = (long) step.settings.batch() * step.settings.assigned();
        return StepHealth.of(
                Arrays.copyOfRange(seen, from + parameters, seen.length),
                step.layout.prototypes(),
                step.layout.features(),
                crops,
                Math.sqrt(squares),
                step.featureRank());
    }

    /** All ranks hold the same sums, so all of them decide the same. */
    private static Optional<String> notFinite(double loss, double parameters, double gradients, double statistics) {
        if (!Double.isFinite(loss)) {
            return Optional.of("the loss");
        }
        if (!Double.isFinite(parameters)) {
            return Optional.of("a parameter");
        }
        if (!Double.isFinite(gradients)) {
            return Optional.of("a gradient");
        }
        return Double.isFinite(statistics) ? Optional.empty() : Optional.of("a batch statistic");
    }

    private static NDArray sum(NDManager scope, NDArray values) {
        NDArray all = values.sum();
        all.attach(scope);
        return all;
    }

    private Larc.Norms norms(NDArray total) {
        try (NDManager scope = step.manager.newSubManager()) {
            Map<String, NDArray> gradients = step.moved().views(scope, total, 0);
            List<NDArray> moving = step.weights.entrySet().stream()
                    .filter(weight -> gradients.containsKey(weight.getKey()))
                    .map(Map.Entry::getValue)
                    .toList();
            Larc.Norms norms = Larc.Norms.of(step.manager, moving, List.copyOf(gradients.values()));
            if (step.settings.larc().exclude()) {
                norms.exclude(step.model.matrices);
            }
            return norms;
        }
    }
}
