package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The samples that share batch statistics: those of one group alone, or those of a span of groups, on one rank or more
 * (synchronized batch norm). What a group contributes is computed from that group alone, gathered by group, and merged in
 * the order of the groups, so the world is not in the result. Statistics of a span are kept, so that a second forward of
 * the same micro-batch needs no peer.
 */
final class BatchStatistics {
    /**
     * The groups that share statistics.
     *
     * @param runs the groups of each rank of {@code collective} within the span, in rank order
     * @param keeper owns the merged statistics
     */
    private record Span(Collective collective, List<GroupRange> runs, NDManager keeper) {
        int groups() {
            return runs.stream().mapToInt(GroupRange::count).sum();
        }
    }

    private final Optional<Span> span;
    /** The statistics of every batch norm that forward has passed, in order. */
    private final List<Shared> known = new ArrayList<>();

    private int next;

    private BatchStatistics(Optional<Span> span) {
        this.span = span;
    }

    static BatchStatistics local() {
        return new BatchStatistics(Optional.empty());
    }

    /**
     * Creates the statistics of a span of groups.
     *
     * @param collective among the ranks that own a part of the span; unused if it is one rank
     * @param runs the groups of each of them within the span, in rank order
     * @param keeper owns the statistics; it outlives the tapes
     */
    static BatchStatistics shared(Collective collective, List<GroupRange> runs, NDManager keeper) {
        return new BatchStatistics(Optional.of(new Span(collective, List.copyOf(runs), keeper)));
    }

    boolean synchronize() {
        return span.isPresent();
    }

    /** Returns the position in the sequence of batch norms, for {@link #rewind}. */
    int position() {
        return next;
    }

    /** Makes the forward from this position on reuse the statistics of the last one. */
    void rewind(int to) {
        next = to;
    }

    /**
     * The statistics of a span, on the device that computes.
     *
     * @param mean (C) FLOAT32
     * @param variance (C) FLOAT32, biased
     * @param count values behind each
     */
    record Shared(NDArray mean, NDArray variance, double count) {
        /** Returns the variance times count/(count − 1). */
        NDArray unbiased(NDManager scope) {
            return TorchOps.scaled(scope, variance, count / Math.max(1, count - 1));
        }

        /** Returns 1/√(variance + ε). */
        NDArray invStd(NDManager scope, double epsilon) {
            return TorchOps.inverseRoot(scope, variance, epsilon);
        }
    }

    /** Returns the statistics over these groups and those of the span that peers pass here. */
    Shared of(List<NDArray> xs) {
        if (next == known.size()) {
            known.add(measure(xs));
        }
        return known.get(next++);
    }

    /**
     * Merges the groups' moments, which are of equally many values each: the mean of the means, and the mean of the
     * variances with the squared distances of the means from it.
     */
    private Shared measure(List<NDArray> xs) {
        Span of = span.orElseThrow();
        long channels = xs.get(0).getShape().get(1);
        try (NDManager scope = of.keeper().newSubManager()) {
            List<List<NDArray>> own =
                    xs.stream().map(x -> LayerOps.moments(scope, x)).toList();
            List<NDArray> moments = perGroup(scope, of, own, channels);
            NDArray centre = meanOverGroups(scope, moments.get(0));
            NDArray off = moments.get(0).sub(centre);
            off.attach(scope);
            off.muli(off).addi(moments.get(1));
            NDArray variance = meanOverGroups(scope, off);
            return new Shared(narrow(of.keeper(), centre), narrow(of.keeper(), variance), count(xs.get(0)));
        }
    }

    /** Returns the number of values of a channel of {@code x}, of one group, in all groups of the span. */
    double count(NDArray x) {
        long ofGroup = x.size() / x.getShape().get(1);
        return (double) ofGroup * span.orElseThrow().groups();
    }

    /**
     * Sums two arrays of (C) for each group over the span.
     *
     * @return the two sums, (C) FLOAT64, attached to {@code scope}
     */
    List<NDArray> sum(NDManager scope, List<List<NDArray>> own) {
        Span of = span.orElseThrow();
        return perGroup(scope, of, own, own.get(0).get(0).size()).stream()
                .map(each -> {
                    NDArray sum = each.sum(new int[] {0});
                    sum.attach(scope);
                    return sum;
                })
                .toList();
    }

    /** Gathers two arrays of (C) for each group: two of (groups, C) FLOAT64, on every rank the same. */
    private static List<NDArray> perGroup(NDManager scope, Span of, List<List<NDArray>> own, long channels) {
        NDArray all = GroupGather.of(scope, of.collective(), of.runs(), own)
                .reshape(new Shape(of.groups(), 2 * channels))
                .toType(DataType.FLOAT64, false);
        all.attach(scope);
        List<NDArray> halves = new ArrayList<>();
        for (NDArray half : all.split(2, 1)) {
            half.attach(scope);
            halves.add(half);
        }
        return halves;
    }

    private static NDArray meanOverGroups(NDManager scope, NDArray each) {
        NDArray mean = each.mean(new int[] {0});
        mean.attach(scope);
        return mean;
    }

    private static NDArray narrow(NDManager manager, NDArray array) {
        NDArray narrow = array.toType(DataType.FLOAT32, true);
        narrow.attach(manager);
        return narrow;
    }
}
