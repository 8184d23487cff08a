package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The groups that go through the network together: all groups of this rank within one span of batch norm, or a single
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
            int to = Math.min(run.to(), end);
            BatchStatistics batchStatistics =
                    span == 1 ? BatchStatistics.local() : shared(manager, runs, collective, start, end);
            microBatches.add(new MicroBatch(from, to, from == start, batchStatistics));
            from = to;
        }
        return microBatches;
    }

    private static BatchStatistics shared(
            NDManager manager, GroupRange[] runs, Collective collective, int start, int end) {
        int[] owners = IntStream.range(0, runs.length)
                .filter(rank -> runs[rank].from() < end && runs[rank].to() > start)
                .toArray();
        List<GroupRange> within = Arrays.stream(owners)
                .mapToObj(rank -> new GroupRange(Math.max(runs[rank].from(), start), Math.min(runs[rank].to(), end)))
                .toList();
        return BatchStatistics.shared(owners.length == 1 ? collective : collective.subgroup(owners), within, manager);
    }

    int groups() {
        return to - from;
    }

    /**
     * Returns the crops of a group, one array for each run of equal sides, crop-major over the group's images.
     *
     * @param group for each entry of {@code crops}, (count·groupSize, 3, S, S)
     */
    static List<NDArray> passes(NDManager manager, List<StepSettings.Crops> crops, List<NDArray> group) {
        List<NDArray> passes = new ArrayList<>();
        int entry = 0;
        while (entry < crops.size()) {
            int side = crops.get(entry).side();
            List<NDArray> parts = new ArrayList<>();
            for (; entry < crops.size() && crops.get(entry).side() == side; entry++) {
                parts.add(group.get(entry));
            }
            passes.add(parts.size() == 1 ? parts.get(0) : TorchOps.concat(manager, parts, 0));
        }
        return passes;
    }
}
