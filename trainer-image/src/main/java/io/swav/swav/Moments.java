package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.tensor.Kernels;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Queue;

/**
 * Which samples share batch statistics: this unit's alone, or those of all ranks of a subgroup (synchronized batch norm).
 * Synchronized statistics are kept, so that a second forward of the same unit needs no peer.
 */
final class Moments {
    private final Optional<Collective> peers;
    private final Queue<Shared> recorded = new ArrayDeque<>();
    private final Queue<Shared> replay = new ArrayDeque<>();

    private Moments(Optional<Collective> peers) {
        this.peers = peers;
    }

    static Moments local() {
        return new Moments(Optional.empty());
    }

    /** The unit's share of a span that the ranks of {@code peers} own together. */
    static Moments shared(Collective peers) {
        return new Moments(Optional.of(peers));
    }

    boolean synchronize() {
        return peers.isPresent();
    }

    /** The next forward of this unit takes the statistics of the last one. */
    void rewind() {
        replay.clear();
        replay.addAll(recorded);
        recorded.clear();
    }

    /** Mean, biased variance (C) and the number of values behind each, over all peers. */
    static final class Shared {
        private final float[] mean;
        private final float[] variance;
        private final double count;

        private Shared(float[] mean, float[] variance, double count) {
            this.mean = mean;
            this.variance = variance;
            this.count = count;
        }

        float[] mean() {
            return mean.clone();
        }

        float[] variance() {
            return variance.clone();
        }

        double count() {
            return count;
        }

        float[] unbiased() {
            float[] result = variance.clone();
            for (int c = 0; c < result.length; c++) {
                result[c] *= (float) (count / Math.max(1, count - 1));
            }
            return result;
        }

        float[] invStd(double epsilon) {
            float[] result = new float[variance.length];
            for (int c = 0; c < result.length; c++) {
                result[c] = (float) (1 / Math.sqrt(variance[c] + epsilon));
            }
            return result;
        }
    }

    /** Statistics of {@code x} and of what the peers pass in here, merged in rank order from means and deviations. */
    Shared of(NDArray x) {
        Shared known = replay.poll();
        Shared result = known == null ? measure(x) : known;
        recorded.add(result);
        return result;
    }

    private Shared measure(NDArray x) {
        Collective collective = peers.orElseThrow();
        int channels = Math.toIntExact(x.getShape().get(1));
        int row = 2 * channels + 1;
        try (NDManager scope = x.getManager().newSubManager()) {
            List<NDArray> own = Kernels.moments(scope, x);
            double[] mine = new double[row];
            float[] means = own.get(0).toFloatArray();
            float[] variances = own.get(1).toFloatArray();
            for (int c = 0; c < channels; c++) {
                mine[c] = means[c];
                mine[channels + c] = variances[c];
            }
            mine[row - 1] = (double) x.size() / channels;
            NDArray all = scope.zeros(new Shape((long) row * collective.size()), DataType.FLOAT64);
            collective.allGather(scope.create(mine), all);
            return merge(all.toDoubleArray(), channels, collective.size());
        }
    }

    private static Shared merge(double[] all, int channels, int ranks) {
        int row = 2 * channels + 1;
        double count = 0;
        for (int r = 0; r < ranks; r++) {
            count += all[r * row + row - 1];
        }
        float[] mean = new float[channels];
        float[] variance = new float[channels];
        for (int c = 0; c < channels; c++) {
            double centre = 0;
            for (int r = 0; r < ranks; r++) {
                centre += all[r * row + c] * all[r * row + row - 1] / count;
            }
            double squares = 0;
            for (int r = 0; r < ranks; r++) {
                double off = all[r * row + c] - centre;
                squares += (all[r * row + channels + c] + off * off) * all[r * row + row - 1];
            }
            mean[c] = (float) centre;
            variance[c] = (float) (squares / count);
        }
        return new Shared(mean, variance, count);
    }

    /** Sums two arrays of (C) over the peers. */
    float[][] sum(NDArray first, NDArray second) {
        int channels = Math.toIntExact(first.size());
        try (NDManager scope = first.getManager().newSubManager()) {
            NDArray both = Kernels.concat(scope, List.of(first, second), 0);
            peers.orElseThrow().allReduceSum(both);
            float[] values = both.toFloatArray();
            return new float[][] {Arrays.copyOf(values, channels), Arrays.copyOfRange(values, channels, 2 * channels)};
        }
    }
}
