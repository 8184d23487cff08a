package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.CommunicationThread;
import io.swav.torch.TorchOps;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

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
     * @throws NotFiniteException on every rank alike if the loss or a gradient is NaN or infinite
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
                    step.layout.codes(scope, total)));
        }
        requireFinite("the loss", seen[0]);
        requireFinite("a gradient", seen[2]);
        requireFinite("a gradient", seen[3]);
        double perplexity = perplexity(Arrays.copyOfRange(seen, 4, seen.length));
        return new Reduced(
                step,
                microBatches,
                StepResult.ofMarked(seen[0], perplexity, (long) seen[1]),
                total,
                norms,
                new CommunicationTimes(communication.pieces(), communication.waited()));
    }

    private void requireFinite(String what, double value) {
        if (!Double.isFinite(value)) {
            throw new NotFiniteException(what, step.globalStep);
        }
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
            return Larc.Norms.of(step.manager, moving, List.copyOf(gradients.values()));
        }
    }

    /** Returns exp of the entropy of the distribution that is proportional to {@code sums}. */
    private static double perplexity(double[] sums) {
        double mass = 0;
        for (double sum : sums) {
            mass += sum;
        }
        double entropy = 0;
        for (double sum : sums) {
            if (sum > 0) {
                entropy -= sum / mass * Math.log(sum / mass);
            }
        }
        return Math.exp(entropy);
    }
}
