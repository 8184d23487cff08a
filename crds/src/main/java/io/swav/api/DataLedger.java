package io.swav.api;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Which epoch of a training sees which images. A set only grows by samples that are appended: sample numbers stay what they
 * are, so each set is the first {@code samples} of every later one. The steps of an epoch, the order of its samples and the
 * learning rate are functions of this value, so trainers that have the same ledger train the same.
 *
 * <p>An epoch is decided before its first step is made, once, whether it grows or not. Training that goes back to an
 * earlier step comes again to the decided epochs, with the sets that they had.
 *
 * @param through the last epoch that is decided; all before it are
 * @param sets at least one, the first from epoch 0 on; epochs and samples increase
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record DataLedger(long through, List<Entry> sets) {
    private static final int DIGEST = 16;

    /**
     * A set, and the first epoch that sees it.
     *
     * @param epoch counted from 0
     * @param samples in the set
     * @param digest of their names and sizes, see {@link Fingerprints#data}
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Entry(long epoch, long samples, String digest) {
        public Entry {
            digest = Objects.requireNonNullElse(digest, "");
            if (epoch < 0 || samples < 0 || digest.length() > DIGEST || !Shown.isPlain(digest)) {
                throw new IllegalArgumentException(
                        "a set of " + samples + " samples from epoch " + epoch + " on, digest " + Shown.of(digest));
            }
        }
    }

    @JsonCreator
    public DataLedger(@JsonProperty("through") long through, @JsonProperty("sets") List<Entry> sets) {
        if (sets == null || sets.isEmpty() || sets.stream().anyMatch(Objects::isNull)) {
            throw new IllegalArgumentException("a ledger needs a list of sets");
        }
        this.through = through;
        this.sets = List.copyOf(sets);
        for (int i = 1; i < sets.size(); i++) {
            if (sets.get(i).epoch() <= sets.get(i - 1).epoch()
                    || sets.get(i).samples() <= sets.get(i - 1).samples()) {
                throw new IllegalArgumentException("sets must grow from epoch to epoch: " + sets);
            }
        }
        if (sets.get(0).epoch() != 0 || through < newest().epoch()) {
            throw new IllegalArgumentException(
                    "a ledger begins with epoch 0 and is decided up to its last set: " + sets + ", " + through);
        }
    }

    /** Returns the ledger of a training that has seen one set, and in which only epoch 0 is decided. */
    public static DataLedger of(long samples, String digest) {
        return new DataLedger(0, List.of(new Entry(0, samples, digest)));
    }

    /** Returns the set of the first epoch, by which the data of this training is known. */
    public Entry first() {
        return sets.get(0);
    }

    /** Returns the set of the last epochs. */
    public Entry newest() {
        return sets.get(sets.size() - 1);
    }

    /** Returns whether the set has grown. */
    public boolean hasGrown() {
        return sets.size() > 1;
    }

    /** Returns the set that an epoch sees; of an epoch that is not decided, the newest. */
    public Entry setOf(long epoch) {
        Entry set = sets.get(0);
        for (Entry entry : sets) {
            set = entry.epoch() <= epoch ? entry : set;
        }
        return set;
    }

    /** Returns whether this epoch is decided. */
    public boolean isDecided(long epoch) {
        return epoch <= through;
    }

    /**
     * Returns this ledger with all epochs up to this one decided, without growth.
     *
     * @return this ledger if they are
     */
    public DataLedger decided(long epoch) {
        return isDecided(epoch) ? this : new DataLedger(epoch, sets);
    }

    /**
     * Returns this ledger with a larger set from an epoch on, and all epochs up to that decided.
     *
     * @throws IllegalArgumentException if the epoch is decided already, or the set is not larger
     */
    public DataLedger grown(Entry set) {
        if (isDecided(set.epoch())) {
            throw new IllegalArgumentException("epoch " + set.epoch() + " is decided already: " + this);
        }
        List<Entry> all = new ArrayList<>(sets);
        all.add(set);
        return new DataLedger(set.epoch(), all);
    }

    /**
     * Returns this ledger with what another one knows about later epochs.
     *
     * @param other of the same training; one that begins with another set is ignored; null for none
     */
    public DataLedger following(@Nullable DataLedger other) {
        if (other == null || !other.first().equals(first())) {
            return this;
        }
        DataLedger result = this;
        for (Entry set : other.sets) {
            boolean isNews = !result.isDecided(set.epoch())
                    && set.samples() > result.newest().samples();
            result = isNews ? result.grown(set) : result;
        }
        return result.decided(Math.max(result.through, other.through));
    }

    /** Returns the steps of an epoch: its whole global batches. */
    public long stepsIn(long epoch, int globalBatch) {
        return setOf(epoch).samples() / globalBatch;
    }

    /** Returns the global step with which an epoch begins. */
    public long firstStep(long epoch, int globalBatch) {
        long step = 0;
        for (int i = 0; i < sets.size(); i++) {
            long from = sets.get(i).epoch();
            long to = i + 1 < sets.size() ? sets.get(i + 1).epoch() : Long.MAX_VALUE;
            step += Math.max(0, Math.min(epoch, to) - from) * (sets.get(i).samples() / globalBatch);
        }
        return step;
    }

    /** Returns the epoch in which a global step is made, counted from 0. */
    public long epochOf(long step, int globalBatch) {
        long left = step;
        for (int i = 0; i < sets.size(); i++) {
            long from = sets.get(i).epoch();
            long inEpoch = sets.get(i).samples() / globalBatch;
            long epoch = from + left / inEpoch;
            if (i + 1 == sets.size() || epoch < sets.get(i + 1).epoch()) {
                return epoch;
            }
            left -= (sets.get(i + 1).epoch() - from) * inEpoch;
        }
        throw new IllegalStateException("there is at least one set");
    }

    /** Returns the position of a global step in its epoch, counted from 0. */
    public long stepInEpoch(long step, int globalBatch) {
        return step - firstStep(epochOf(step, globalBatch), globalBatch);
    }
}
