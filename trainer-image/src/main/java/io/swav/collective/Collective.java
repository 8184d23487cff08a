package io.swav.collective;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Collective operations among the ranks of one world. Every rank calls the same operations in the same order with
 * arrays of the same shape and type (FLOAT32, FLOAT64, INT64; contiguous; on the device of the implementation).
 * All throw {@link CollectiveException} when a peer is lost or {@link #abort} was called; the arrays' contents are
 * then undefined and the collective is of no further use.
 *
 * <p>Arrays on a device are in the order of its work: what it is asked for after an operation finds the result, while
 * the host may be ahead. Before the host trusts what came of operations, it calls {@link #synchronize}.
 */
public interface Collective extends AutoCloseable {
    int rank();

    int size();

    /** What carries it, for people: "TCP", "NCCL 2.27.3", or "none" for one rank alone. */
    String name();

    /** In place sum over ranks; every rank gets the same bits, in an order the implementation chooses. */
    void allReduceSum(NDArray inOut);

    /**
     * The same of FLOAT32 of one dimension, for which bfloat16 travels: half the bytes, and a sum that is rounded to it. The
     * values it is made of may be rounded, or what is added up on the way, as the implementation does.
     */
    void allReduceRoundedSum(NDArray inOut);

    /** In place minimum over ranks. */
    void allReduceMin(NDArray inOut);

    void broadcast(NDArray inOut, int root);

    /** {@code all} has {@code size} times the elements of {@code mine}; rank r's lie at block r. */
    void allGather(NDArray mine, NDArray all);

    /**
     * Grouped point-to-point (as ncclGroupStart/Send/Recv/GroupEnd): all transfers progress together; between a pair
     * of ranks the n-th send meets the n-th receive.
     */
    void exchange(List<Transfer> sends, List<Transfer> receives);

    /** The elements [from, from + count) of an array, in the order they lie in memory. */
    record Transfer(int peer, NDArray array, long from, long count) {
        public Transfer {
            if (from < 0 || count < 0 || from + count > array.size()) {
                throw new IllegalArgumentException(
                        count + " elements from " + from + " of an array of " + array.size());
            }
        }

        /** All of it. */
        public Transfer(int peer, NDArray array) {
            this(peer, array, 0, array.size());
        }
    }

    /**
     * The same peers restricted to {@code ranks} (ascending, this rank among them); lives no longer than this one. The
     * first call for these ranks may have to meet them, so all make it at the same place of their order.
     */
    Collective subgroup(int[] ranks);

    /**
     * Waits until all operations of this one and its subgroups are over.
     *
     * @throws CollectiveException when one of them has failed
     */
    default void synchronize() {}

    /** Whether the device waits for other ranks now; for any thread. Empty where the host waits for them, in its calls. */
    default Optional<Boolean> isWaitingForPeers() {
        return Optional.empty();
    }

    /**
     * The same ranks over connections of their own, so that another thread may use it while one uses this: neither waits
     * behind the other. Its operations are over when they return; the device goes on meanwhile. The first call may have to
     * meet the other ranks, so all make it at the same place of their order; every call gives the same one. It is aborted
     * with this one, and lives no longer.
     */
    Collective duplicate();

    /**
     * Waits for what another thread does {@link #duplicate}.
     *
     * @throws RuntimeException what it failed with
     */
    default void await(CompletableFuture<?> work) {
        try {
            work.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException failure ? failure : e;
        }
    }

    /** Frees every rank of this process blocked in an operation, at once; callable from any thread, any number of times. */
    void abort();

    @Override
    void close();
}
