package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.DataLedger;
import java.util.List;
import java.util.Optional;

/** Makes the crops of any group of any step. They depend on (seed, step, group) alone, never on the world. */
public interface CropBatches extends AutoCloseable {
    /** The data set that the crops are made of; it is open as long as this is. */
    DataSet data();

    /** The number of samples in the data set. */
    default long samples() {
        return data().size();
    }

    /**
     * Tells the data of this training from another one's, in all processes alike: the set with which it began, which all
     * later ones begin with.
     */
    DataFingerprint fingerprint();

    /** Which epoch sees which set, as this training had written it when the data was opened. */
    default DataLedger ledger() {
        return DataLedger.of(fingerprint().samples(), fingerprint().digest());
    }

    /** What enters while training continues; empty if the data does not grow. */
    default Optional<DataGrowth> growth() {
        return Optional.empty();
    }

    /** Sets whether this trainer is the one that looks whether something was added at the source. */
    default void lead(boolean leads) {}

    /** Takes the samples of each epoch from the set that this ledger says, from now on; {@link #expect} is to be called next. */
    default void follow(DataLedger ledger) {}

    /** What the data set holds and what lies beside it. */
    default Inventory inventory() {
        return data().inventory();
    }

    /** What is at the source but not trained on, and what to do about it; empty for nothing. */
    default Optional<String> notUsed() {
        return Optional.empty();
    }

    /** The names of classes, in the order of labels; empty if classes have no names. */
    default List<String> classNames() {
        return data().classNames();
    }

    /**
     * The number of undecodable images skipped so far by this process (each was replaced by the next sample of its
     * permutation).
     */
    long skipped();

    /**
     * Returns the crops of one group of step {@code step}, prepared ahead of need if {@link #expect} announced it.
     *
     * @return one array per resolution, in the order of spec.crops: FLOAT32 (count·groupSize, 3, size, size),
     *     crop-major (rows [c·groupSize, (c+1)·groupSize) are crop c), normalized, attached to {@code manager}
     */
    List<NDArray> group(NDManager manager, long step, int group);

    /**
     * The indices of the samples of one group, one per row. An image that cannot be decoded is listed here, although
     * another one replaces it.
     */
    long[] samples(long step, int group);

    /** The file (and the entry in it) of a sample, for messages. */
    default String name(long sample) {
        return data().name(sample);
    }

    /**
     * Announces which groups of each step this rank will ask for from {@code step} on, so that they can be prepared
     * ahead.
     *
     * @param toGroup exclusive
     */
    void expect(long step, int fromGroup, int toGroup);

    /**
     * The bytes of memory that the least number of prepared groups still needs; known when the first group has been
     * requested.
     */
    default long leastBytes() {
        return 0;
    }

    /** Whether prepared groups lie in direct buffers, which the JVM limits. */
    default boolean inDirectMemory() {
        return false;
    }

    /**
     * Limits the memory of groups that are prepared ahead.
     *
     * @param bytes at least {@link #leastBytes}
     */
    default void limitAhead(long bytes) {}

    /** Sets how many undecodable images are skipped before this process fails. */
    default void maxBadSamples(int limit) {}

    @Override
    void close();
}
