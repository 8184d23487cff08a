package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The samples that go through the network together: all groups of this rank within one span of batch norm, or a single
 * group with local batch norm.
 *
 * @param from first group
 * @param to end of the groups, exclusive
 * @param first whether it holds the span's first group: that rank reports the span's statistics
 */
record MicroBatch(int from, int to, boolean first, BatchStatistics batchStatistics) {

    /** Divides this rank's groups into micro-batches, ascending; {@code manager} owns the statistics that they keep. */
    static List<MicroBatch> of(NDManager manager, GroupRange[] runs, Collective collective, int span) {
        GroupRange run = runs[collective.rank()];
        List<MicroBatch> microBatches = new ArrayList<>();
        for (int from = run.from(); from < run.to(); ) {
            int start = from / span * span;
            int end = start + span;
            int[] owners = IntStream.range(0, runs.length)
                    .filter(rank -> runs[rank].from() < end && runs[rank].to() > start)
                    .toArray();
            BatchStatistics batchStatistics = owners.length == 1
                    ? BatchStatistics.local()
                    : BatchStatistics.shared(collective.subgroup(owners), manager);
            int to = Math.min(run.to(), end);
            microBatches.add(new MicroBatch(from, to, from == start, batchStatistics));
            from = to;
        }
        return microBatches;
    }

    int groups() {
        return to - from;
    }

    /**
     * Returns the crops of all its groups, one array for each run of equal sides, crop-major over the micro-batch's
     * images.
     *
     * @param perGroup for each group, for each entry of {@code crops}, (count·group, 3, S, S)
     */
    static List<NDArray> passes(NDManager manager, List<StepSettings.Crops> crops, List<List<NDArray>> perGroup) {
        List<NDArray> passes = new ArrayList<>();
        int entry = 0;
        while (entry < crops.size()) {
            int side = crops.get(entry).side();
            List<NDArray> parts = new ArrayList<>();
            for (; entry < crops.size() && crops.get(entry).side() == side; entry++) {
                parts.add(overGroups(manager, crops.get(entry).count(), perGroup, entry));
            }
            passes.add(parts.size() == 1 ? parts.get(0) : TorchOps.concat(manager, parts, 0));
        }
        return passes;
    }

    private static NDArray overGroups(NDManager manager, int count, List<List<NDArray>> perGroup, int entry) {
        if (perGroup.size() == 1) {
            return perGroup.get(0).get(entry);
        }
        List<NDArray> byCrop = new ArrayList<>();
        for (List<NDArray> group : perGroup) {
            Shape shape = group.get(entry).getShape();
            byCrop.add(group.get(entry)
                    .reshape(new Shape(count, shape.get(0) / count, shape.get(1), shape.get(2), shape.get(3))));
        }
        NDArray joined = TorchOps.concat(manager, byCrop, 1);
        Shape shape = joined.getShape();
        NDArray result = joined.reshape(new Shape(count * shape.get(1), shape.get(2), shape.get(3), shape.get(4)));
        result.attach(manager);
        return result;
    }
}
