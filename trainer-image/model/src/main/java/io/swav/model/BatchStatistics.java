package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.torch.LayerOps;
import io.swav.torch.TorchOps;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;

/**
 * The samples that share batch statistics: those of this micro-batch alone, or those of all ranks of a subgroup
 * (synchronized batch norm). Synchronized statistics are kept, so that a second forward of the same micro-batch needs
 * no peer.
 */
final class BatchStatistics {
    /** The ranks that share statistics, and the manager that owns the statistics received from them. */
    private record Peers(Collective collective, NDManager keeper) {}

    private final Optional<Peers> peers;
    private final Queue<Shared> recorded = new ArrayDeque<>();
    private final Queue<Shared> replay = new ArrayDeque<>();

    private BatchStatistics(Optional<Peers> peers) {
        this.peers = peers;
    }

    static BatchStatistics local() {
        return new BatchStatistics(Optional.empty());
    }

    /**
     * Creates the statistics of a micro-batch whose span the ranks of {@code collective} own together; {@code keeper}
     * outlives its tapes.
     */
    static BatchStatistics shared(Collective collective, NDManager keeper) {
        return new BatchStatistics(Optional.of(new Peers(collective, keeper)));
    }

    boolean synchronize() {
        return peers.isPresent();
    }

    /** Makes the next forward of this micro-batch reuse the statistics of the last one. */
    void rewind() {
        replay.clear();
        replay.addAll(recorded);
        recorded.clear();
    }

    /**
     * The statistics of all peers together, on the device that computes.
     *
     * @param mean (C) FLOAT32
     * @param variance (C) FLOAT32, biased
     * @param count (1) FLOAT64, values behind each
     */
    record Shared(NDArray mean, NDArray variance, NDArray count) {
        /** Returns the variance times count/(count − 1). */
        NDArray unbiased(NDManager scope) {
            NDArray others = TorchOps.clone(scope, count);
            TorchOps.add(others, -1.0);
            TorchOps.atLeast(others, 1);
            NDArray ratio = TorchOps.clone(scope, count).divi(others).toType(DataType.FLOAT32, false);
            return TorchOps.clone(scope, variance).muli(ratio);
        }

        /** Returns 1/√(variance + ε). */
        NDArray invStd(NDManager scope, double epsilon) {
            return TorchOps.inverseRoot(scope, variance, epsilon);
        }
    }

    /**
     * Returns the statistics of {@code x} and of the arrays that the peers pass here, merged in rank order from means
     * and deviations.
     */
    Shared of(NDArray x) {
        Shared known = replay.poll();
        Shared result = known == null ? measure(x) : known;
        recorded.add(result);
        return result;
    }

    private Shared measure(NDArray x) {
        Peers party = peers.orElseThrow();
        long channels = x.getShape().get(1);
        int ranks = party.collective().size();
        try (NDManager scope = x.getManager().newSubManager()) {
            List<NDArray> own = LayerOps.moments(scope, x);
            NDArray count = scope.create(new Shape(1), DataType.FLOAT64);
            TorchOps.fill(count, (double) x.size() / channels);
            NDArray mine = TorchOps.concat(scope, List.of(own.get(0), own.get(1), count), 0);
            NDArray all = scope.zeros(new Shape(mine.size() * ranks), DataType.FLOAT64);
            party.collective().allGather(mine, all);
            Shared merged = merge(scope, all, channels, ranks);
            merged.mean().attach(party.keeper());
            merged.variance().attach(party.keeper());
            merged.count().attach(party.keeper());
            return merged;
        }
    }

    /** Merges mean (C), biased variance (C) and count (1) of all ranks, which follow one another in {@code all}. */
    private static Shared merge(NDManager scope, NDArray all, long channels, int ranks) {
        long row = 2 * channels + 1;
        NDArray count = scope.zeros(new Shape(1), DataType.FLOAT64);
        for (int r = 0; r < ranks; r++) {
            count.addi(TorchOps.view(scope, all, r * row + 2 * channels, 1));
        }
        NDArray centre = scope.zeros(new Shape(channels), DataType.FLOAT64);
        for (int r = 0; r < ranks; r++) {
            NDArray weight = TorchOps.view(scope, all, r * row + 2 * channels, 1);
            centre.addi(TorchOps.view(scope, all, r * row, channels).mul(weight).divi(count));
        }
        NDArray squares = scope.zeros(new Shape(channels), DataType.FLOAT64);
        for (int r = 0; r < ranks; r++) {
            NDArray weight = TorchOps.view(scope, all, r * row + 2 * channels, 1);
            NDArray off = TorchOps.view(scope, all, r * row, channels).sub(centre);
            NDArray deviation = off.muli(off).addi(TorchOps.view(scope, all, r * row + channels, channels));
            squares.addi(deviation.muli(weight));
        }
        return new Shared(
                centre.toType(DataType.FLOAT32, false), squares.divi(count).toType(DataType.FLOAT32, false), count);
    }

    /** Sums two arrays of (C) over the peers; the results are attached to {@code scope}. */
    List<NDArray> sum(NDManager scope, NDArray first, NDArray second) {
        long channels = first.size();
        NDArray both = TorchOps.concat(scope, List.of(first, second), 0);
        peers.orElseThrow().collective().allReduceSum(both);
        return List.of(TorchOps.view(scope, both, 0, channels), TorchOps.view(scope, both, channels, channels));
    }
}
