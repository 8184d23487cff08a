package io.swav.model;

import ai.djl.ndarray.NDArray;
import io.swav.collective.CommunicationThread;
import io.swav.torch.Precision;
import java.util.ArrayList;
import java.util.List;

/** A step after Sinkhorn: it has the codes of this rank's groups, and what the ranks agreed on. */
final class Assigned {
    private final StepContext step;
    private final List<AssignedMicroBatch> microBatches;
    private final NDArray agreed;

    /** @param agreed see {@link StepAgreement#votes} */
    Assigned(StepContext step, List<AssignedMicroBatch> microBatches, NDArray agreed) {
        this.step = step;
        this.microBatches = microBatches;
        this.agreed = agreed;
    }

    /**
     * Computes loss and backward of every micro-batch, and frees each one's graph after it. The arrays of the last one are
     * summed over ranks bucket by bucket while its backward runs.
     */
    Reducing backward() {
        step.watcher.accept(StepPhase.BACKWARD);
        GradientSum flats = sum();
        int last = microBatches.size() - 1;
        for (AssignedMicroBatch microBatch : microBatches.subList(0, last)) {
            List<NDArray> ofGroups = allocate(microBatch);
            microBatch.backward(ofGroups, name -> {});
            ofGroups.forEach(flats::add);
        }
        List<NDArray> ofGroups = allocate(microBatches.get(last));
        GradientSum.OpenSum open = flats.last(ofGroups, step.runs);
        CommunicationThread communication = step.startCommunication();
        GradientBuckets buckets = new GradientBuckets(
                step.model.parameters,
                step.layout.size(),
                step.settings.bucketBytes(),
                (from, to) -> communication.run(line -> open.reduce(line, from, to)));
        microBatches.get(last).backward(ofGroups, buckets::done);
        if (!buckets.complete()) {
            throw new IllegalStateException("backward has left out a parameter");
        }
        return new Reducing(step, microBatches, agreed, open, communication);
    }

    private List<NDArray> allocate(AssignedMicroBatch microBatch) {
        List<NDArray> flats = new ArrayList<>();
        for (int i = 0; i < microBatch.scored().groups(); i++) {
            flats.add(step.layout.allocate(step.manager));
        }
        return flats;
    }

    private GradientSum sum() {
        StepSettings settings = step.settings;
        // with local batch norm the one order costs nothing: then Fast gives the same bits too
        boolean rounded = settings.gradients() == Precision.BF16;
        return settings.bitwise() || (settings.span() == 1 && !rounded)
                ? GradientSum.inOneOrder(settings.groups(), step.ownGroups())
                : GradientSum.acrossRanks(step.ownGroups().count(), rounded ? step.model.parameters.size() : 0);
    }
}
