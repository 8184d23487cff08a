package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The queue within one step: check, use, then push, in the reference's order. The new rows are gathered before Sinkhorn
 * and pushed when the step is applied, so that a step that is dropped leaves the queue as it was.
 */
public final class QueueStep {
    private final FeatureQueue queue;
    private final boolean used;
    private final boolean pushes;
    private Optional<NDArray> batch = Optional.empty();

    /** @param started whether the epoch has begun from which features enter the queue */
    public QueueStep(FeatureQueue queue, boolean started) {
        this.queue = queue;
        this.pushes = started;
        this.used = started && queue.isFull();
    }

    /**
     * Computes the codes of the local groups by Sinkhorn over the rows of the queue, scored with this step's prototypes,
     * and those of the step after them. Only the codes of the step's own rows are kept.
     *
     * @param prototypesKD those of this step
     * @param first the first local group
     * @param scoresBK as in {@link Sinkhorn#codes}
     * @return as {@link Sinkhorn#codes} does
     */
    public List<List<NDArray>> codes(
            NDManager manager,
            Sinkhorn sinkhorn,
            NDArray prototypesKD,
            int first,
            List<List<NDArray>> scoresBK,
            Sinkhorn.Reduction reduction) {
        if (!used) {
            return sinkhorn.codes(manager, scoresBK, reduction);
        }
        List<List<NDArray>> own = new ArrayList<>();
        try (NDManager scope = manager.newSubManager()) {
            List<List<NDArray>> all = new ArrayList<>();
            for (int i = 0; i < scoresBK.size(); i++) {
                all.add(withEarlier(scope, prototypesKD, queue.of(scope, first + i), scoresBK.get(i)));
            }
            List<List<NDArray>> codes = sinkhorn.codes(scope, all, reduction);
            for (int i = 0; i < codes.size(); i++) {
                own.add(last(manager, codes.get(i), scoresBK.get(i)));
            }
        }
        return own;
    }

    private static List<NDArray> withEarlier(
            NDManager scope, NDArray prototypesKD, List<NDArray> earlierBD, List<NDArray> scoresBK) {
        List<NDArray> all = new ArrayList<>();
        for (int crop = 0; crop < scoresBK.size(); crop++) {
            NDArray earlierBK =
                    TorchOps.linear(scope, Precision.FP32, earlierBD.get(crop), prototypesKD, Optional.empty());
            all.add(TorchOps.concat(scope, List.of(earlierBK, scoresBK.get(crop)), 0));
            earlierBK.close();
        }
        return all;
    }

    /** Returns as many last rows of each array as its counterpart has; the arrays are freed. */
    private static List<NDArray> last(NDManager manager, List<NDArray> codesBK, List<NDArray> scoresBK) {
        List<NDArray> last = new ArrayList<>();
        for (int crop = 0; crop < codesBK.size(); crop++) {
            long rows = codesBK.get(crop).getShape().get(0);
            long own = scoresBK.get(crop).getShape().get(0);
            try (NDArray all = codesBK.get(crop);
                    NDArray part = TorchOps.rows(manager, all, rows - own, rows)) {
                last.add(TorchOps.clone(manager, part));
            }
        }
        return last;
    }

    /**
     * Gathers the embeddings of all groups of all ranks. Every rank calls it in every step, whether or not the queue has
     * started, so that the order of collective operations does not depend on what a rank holds.
     *
     * @param runs every rank's groups, in rank order
     * @param ownBD for each group of this rank, ascending, for each assigned crop: (groupSize, D)
     */
    public void gather(NDManager manager, Collective collective, GroupRange[] runs, List<List<NDArray>> ownBD) {
        batch = Optional.of(GroupGather.of(manager, collective, List.of(runs), ownBD));
    }

    /** Pushes the rows of this step, when its result is published. */
    public void apply() {
        if (pushes) {
            queue.push(batch.orElseThrow(() -> new IllegalStateException("the step's embeddings were not gathered")));
        }
    }
}
