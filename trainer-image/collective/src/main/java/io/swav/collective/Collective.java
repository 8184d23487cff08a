package io.swav.collective;

import ai.djl.ndarray.NDArray;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Collective operations among the ranks of one world. Every rank calls the same operations in the same order with
 * arrays of the same shape and type (FLOAT32, FLOAT64 or INT64; contiguous; on the implementation's device). Every
 * operation throws {@link CollectiveException} if a peer is lost or {@link #abort} was called; the contents of the
 * arrays are then undefined and the collective can no longer be used.
 *
 * <p>Operations on device arrays are ordered with the rest of the device's work: device work submitted after an
 * operation sees its result, while the host may run ahead. The host must call {@link #synchronize} before it relies on
 * the results.
 */
public interface Collective extends AutoCloseable {
    int rank();

    int size();

    /** The backend's name, for logs: "TCP", "NCCL 2.27.3", or "none" for a single rank. */
    String name();

    /** Sums over all ranks in place. Every rank gets the same bits; the implementation chooses the summation order. */
    void allReduceSum(NDArray inOut);

    /**
     * Sums a one-dimensional FLOAT32 array over all ranks in place, but sends bfloat16: half the bytes of
     * {@link #allReduceSum}, and a sum that is rounded to bfloat16. Whether the inputs or the partial sums are rounded
     * as well is up to the implementation.
     */
    void allReduceRoundedSum(NDArray inOut);

    /** Takes the elementwise minimum over all ranks in place. */
    void allReduceMin(NDArray inOut);

    void broadcast(NDArray inOut, int root);

    /**
     * Gathers every rank's {@code mine} into {@code all}, which has {@code size} times as many elements; block r holds
     * the elements of rank r.
     */
    void allGather(NDArray mine, NDArray all);

    /**
     * Runs a group of point-to-point transfers (as ncclGroupStart/Send/Recv/GroupEnd). All of them progress together;
     * between two ranks, the n-th send matches the n-th receive.
     */
    void exchange(List<Transfer> sends, List<Transfer> receives);

    /** The elements [from, from + count) of an array, in memory order, that {@code peer} sends or receives. */
    record Transfer(int peer, NDArray array, long from, long count) {
        public Transfer {
            if (from < 0 || count < 0 || from + count > array.size()) {
                throw new IllegalArgumentException("cannot transfer " + count + " elements from index " + from
                        + " of an array of " + array.size() + " elements");
            }
        }

        /** Transfers the whole array. */
        public Transfer(int peer, NDArray array) {
            this(peer, array, 0, array.size());
        }
    }

    /**
     * Returns a collective among {@code ranks} only (ascending, this rank among them), which is usable no longer than
     * this one. The first call for a set of ranks may have to connect them, so all of them must make it at the same
     * point in their order of operations.
     */
    Collective subgroup(int[] ranks);

    /**
     * Waits until all operations of this collective and its subgroups have finished.
     *
     * @throws CollectiveException if one of them has failed
     */
    default void synchronize() {}

    /**
     * Whether the device is waiting for other ranks now; callable from any thread. Empty if the host does the waiting,
     * inside its calls.
     */
    default Optional<Boolean> isWaitingForPeers() {
        return Optional.empty();
    }

    /**
     * Returns a collective of the same ranks over separate connections, so that a second thread can use it while this
     * one is in use: neither waits behind the other. Its operations have finished when they return; the device
     * continues with other work meanwhile. The first call may have to connect the ranks, so all of them must make it at
     * the same point in their order of operations; every call returns the same collective. It is aborted together with
     * this one and is usable no longer than this one.
     */
    Collective duplicate();

    /**
     * Waits for work that another thread does on the {@link #duplicate}.
     *
     * @throws RuntimeException the exception that the work failed with
     */
    default void await(CompletableFuture<?> work) {
        try {
            work.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof RuntimeException failure ? failure : e;
        }
    }

    /**
     * Releases, at once, every rank of this process that is blocked in an operation; callable from any thread, any
     * number of times.
     */
    void abort();

    @Override
    void close();
}
