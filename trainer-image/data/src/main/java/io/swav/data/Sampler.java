package io.swav.data;

import io.swav.api.DataLedger;
import io.swav.api.SwavJobSpec;
import io.swav.common.KeyedRandom;
import java.util.function.LongUnaryOperator;

/**
 * The global order of samples. Each epoch is a permutation of its set that depends on (seed, epoch, size of the set) alone, and
 * the steps of an epoch take one slice of it after the other. Samples that do not fill a batch at the end of an epoch are left
 * out of that epoch, so no sample is used twice within an epoch. The order does not depend on the size of the world.
 */
public final class Sampler {
    /** A permutation of more samples has no place in an array. */
    private static final long MAX_ARRAY = Integer.MAX_VALUE - 8;

    private final DataLedger ledger;
    private final int globalBatch;
    private final long seed;
    private volatile Epoch cached;

    private record Epoch(long number, long samples, LongUnaryOperator order) {}

    /**
     * Creates the order of a data set that does not grow.
     *
     * @throws DataException if there are fewer samples than one global batch
     */
    public Sampler(long samples, int globalBatch, long seed) {
        this(DataLedger.of(samples, ""), globalBatch, seed);
    }

    /**
     * Creates the order of a training's epochs.
     *
     * @param ledger which set each epoch sees
     * @throws DataException if there are fewer samples than one global batch
     */
    public Sampler(DataLedger ledger, int globalBatch, long seed) {
        long samples = ledger.first().samples();
        if (samples < globalBatch) {
            throw DataException.badData("the data set holds " + samples
                    + " samples, fewer than one batch: add images to data.uri, or lower training.globalBatch ("
                    + globalBatch + ") in a new job");
        }
        this.ledger = ledger;
        this.globalBatch = globalBatch;
        this.seed = seed;
        this.cached = epoch(0);
    }

    static Sampler of(SwavJobSpec spec, DataLedger ledger) {
        return new Sampler(
                ledger, spec.training().globalBatch(), spec.training().seed());
    }

    /** Returns the steps of the first epoch. */
    public long stepsPerEpoch() {
        return ledger.stepsIn(0, globalBatch);
    }

    public long epochOf(long step) {
        return ledger.epochOf(step, globalBatch);
    }

    /** The position of the first sample of this step in the permutation of its epoch. */
    public long firstPosition(long step) {
        return ledger.stepInEpoch(step, globalBatch) * globalBatch;
    }

    /** The number of the sample at a position of an epoch; positions run over all samples and wrap around. */
    public long sampleAt(long epoch, long position) {
        Epoch current = cached;
        if (current.number != epoch) {
            current = epoch(epoch);
            cached = current;
        }
        return current.order.applyAsLong(position % current.samples);
    }

    private Epoch epoch(long number) {
        long samples = ledger.setOf(number).samples();
        return new Epoch(number, samples, order(number, samples));
    }

    private LongUnaryOperator order(long epoch, long samples) {
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
