package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.swav.torch.HostMemory;
import java.util.ArrayList;
import java.util.List;

/** A step after forward: it has the scores of this rank's groups. */
final class Forward {
    private final StepContext step;
    private final List<ScoredMicroBatch> microBatches;

    private Forward(StepContext step, List<ScoredMicroBatch> microBatches) {
        this.step = step;
        this.microBatches = microBatches;
    }

    /** Computes the scores of all micro-batches; what backward needs is kept if memory allows. */
    static Forward of(StepContext step, CropSource crops) {
        List<ScoredMicroBatch> microBatches = new ArrayList<>();
        long kept = 0;
        for (MicroBatch microBatch : MicroBatch.of(step.manager, step.runs, step.collective, step.settings.span())) {
            step.watcher.accept(StepPhase.DECODE);
            List<List<NDArray>> passes = new ArrayList<>();
            for (int group = microBatch.from(); group < microBatch.to(); group++) {
                passes.add(MicroBatch.passes(step.manager, step.settings.crops(), crops.group(step.manager, group)));
            }
            step.watcher.accept(StepPhase.FORWARD);
            int groups = microBatch.groups();
            boolean recompute = step.memory.recomputes(groups);
            ScoredMicroBatch scored =
                    new ScoredMicroBatch(step, microBatch, passes, step.memory.keepsAnother(kept, groups), recompute);
            kept += scored.keptBytes();
            if (!recompute) {
                step.memory.learned(scored.keptBytes(), groups);
            }
            microBatches.add(scored);
        }
        if (!step.manager.getDevice().isGpu()) {
            HostMemory.trim(); // memory peaks here: forward has freed as much as the gradient needs
        }
        return new Forward(step, microBatches);
    }

    /**
     * Computes the codes of all groups by Sinkhorn over the global batch, with the queue's rows before it.
     *
     * @param vote see {@link Learner#lossAndGradients}
     * @param state the arrays in which the ranks must not differ; empty for a single rank
     */
    Assigned assign(long vote, List<NDArray> state) {
        step.watcher.accept(StepPhase.SINKHORN);
        // read here, after forward, so that the step is not applied if it read a flipped bit
        NDArray votes = StepAgreement.votes(step, vote, state);
        List<List<NDArray>> codesBK = codes(new RankReduction(step, votes));
        if (step.globalStep < step.settings.hardSteps()) {
            codesBK = codesBK.stream().map(this::oneHot).toList();
        }
        List<AssignedMicroBatch> assigned = new ArrayList<>();
        int next = 0;
        for (ScoredMicroBatch scored : microBatches) {
            assigned.add(new AssignedMicroBatch(step, scored, codesBK.subList(next, next + scored.groups())));
            next += scored.groups();
        }
        return new Assigned(step, assigned, votes);
    }

    private List<List<NDArray>> codes(RankReduction reduction) {
        Sinkhorn sinkhorn = step.settings.sinkhorn();
        List<List<NDArray>> scoresBK = ofGroups(ScoredMicroBatch::scores);
        if (step.queue.isEmpty()) {
            return sinkhorn.codes(step.manager, scoresBK, reduction);
        }
        QueueStep queue = step.queue.get();
        queue.gather(step.manager, step.collective, step.runs, ofGroups(ScoredMicroBatch::embeddings));
        return queue.codes(
                step.manager, sinkhorn, step.prototypesKD, step.ownGroups().from(), scoresBK, reduction);
    }

    /** Replaces each code by 1 for its largest entry, the first of equal ones, and 0 for others. */
    private List<NDArray> oneHot(List<NDArray> codesBK) {
        List<NDArray> hard = new ArrayList<>();
        for (NDArray code : codesBK) {
            try (code;
                    NDArray best = code.argMax(1)) {
                NDArray ones = best.oneHot((int) code.getShape().get(1), DataType.FLOAT32);
                ones.attach(step.manager);
                hard.add(ones);
            }
        }
        return hard;
    }

    /** What a micro-batch has of one group, for each of the first {@code crops} crops. */
    @FunctionalInterface
    private interface PerGroup {
        List<NDArray> of(ScoredMicroBatch scored, int group, int crops);
    }

    /** Returns the arrays of this rank's groups, ascending, for each assigned crop. */
    private List<List<NDArray>> ofGroups(PerGroup part) {
        List<List<NDArray>> all = new ArrayList<>();
        for (ScoredMicroBatch scored : microBatches) {
            for (int group = scored.firstGroup(); group < scored.firstGroup() + scored.groups(); group++) {
                all.add(part.of(scored, group, step.settings.assigned()));
            }
        }
        return all;
    }
}
