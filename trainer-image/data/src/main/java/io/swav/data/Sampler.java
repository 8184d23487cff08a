package io.swav.data;

import io.swav.common.KeyedRandom;
import java.util.function.LongUnaryOperator;

/**
 * The global order of samples. Each epoch is a permutation that depends on (seed, epoch) alone, and step s of the job
 * takes slice s mod stepsPerEpoch of epoch s / stepsPerEpoch. Samples that do not fill a batch at the end of an epoch
 * are left out of that epoch, so no sample is used twice within an epoch. The order does not depend on the size of the
 * world.
 */
public final class Sampler {
    /** A permutation of more samples has no place in an array. */
    private static final long MAX_ARRAY = Integer.MAX_VALUE - 8;

    private final long samples;
    private final int globalBatch;
    private final long seed;
    private volatile Epoch cached;

    private record Epoch(long number, LongUnaryOperator order) {}

    /** @throws DataException if there are fewer samples than one global batch */
    public Sampler(long samples, int globalBatch, long seed) {
        if (samples < globalBatch) {
            throw DataException.badData("the data set holds " + samples
                    + " samples, fewer than one batch: add images to data.uri, or lower training.globalBatch ("
                    + globalBatch + ") in a new job");
        }
        this.samples = samples;
        this.globalBatch = globalBatch;
        this.seed = seed;
        this.cached = new Epoch(0, order(0));
    }

    public long stepsPerEpoch() {
        return samples / globalBatch;
    }

    public long epochOf(long step) {
        return step / stepsPerEpoch();
    }

    /** The position of the first sample of this step in the permutation of its epoch. */
    public long firstPosition(long step) {
        return step % stepsPerEpoch() * globalBatch;
    }

    /** The number of the sample at a position of an epoch; positions run over all samples and wrap around. */
    public long sampleAt(long epoch, long position) {
        Epoch current = cached;
        if (current.number != epoch) {
            current = new Epoch(epoch, order(epoch));
            cached = current;
        }
        return current.order.applyAsLong(position % samples);
    }

    private LongUnaryOperator order(long epoch) {
        if (samples > MAX_ARRAY) {
            return new FeistelPermutation(seed, epoch, samples)::at;
        }
        int[] order = permutation(seed, epoch, (int) samples);
        return position -> order[(int) position];
    }

    /** A random permutation of [0, samples), by Fisher–Yates. */
    static int[] permutation(long seed, long epoch, int samples) {
        KeyedRandom random = KeyedRandom.of(seed, epoch);
        int[] order = new int[samples];
        for (int i = 0; i < samples; i++) {
            int j = random.below(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }
}
