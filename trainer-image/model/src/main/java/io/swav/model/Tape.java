package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * One run of a group through the network: the weights it reads and, in mode {@link TapeMode#TRAIN}, the arrays that
 * backward needs. Layers push arrays in forward and pop them in backward.
 */
final class Tape implements AutoCloseable {
    /** EVAL reads running statistics; SCORE and TRAIN measure the batch's; only TRAIN keeps what backward needs. */
    enum TapeMode {
        EVAL,
        SCORE,
        TRAIN
    }

    final NDManager manager;
    final TapeMode mode;
    final Precision precision;
    final Map<String, NDArray> weights;
    /** Receives the gradients of backward; none before that. */
    private Optional<Gradients> gradients = Optional.empty();

    private final Deque<NDArray> saved = new ArrayDeque<>();
    /** How often each array is in {@link #saved}: the output of one layer is the input of others. */
    private final IdentityHashMap<NDArray, Integer> uses = new IdentityHashMap<>();

    private long savedBytes;

    Tape(NDManager parent, TapeMode mode, Precision precision, Map<String, NDArray> weights) {
        this.manager = parent.newSubManager();
        this.mode = mode;
        this.precision = precision;
        this.weights = weights;
    }

    /** Creates an empty tape that reads the same weights, and whose gradients go to the same place. */
    Tape fork(TapeMode as) {
        Tape fork = new Tape(manager, as, precision, weights);
        fork.gradients = gradients;
        return fork;
    }

    /** Sets what receives the gradients of backward. */
    void into(Gradients to) {
        gradients = Optional.of(to);
    }

    Gradients gradients() {
        return gradients.orElseThrow(() -> new IllegalStateException("backward has no place for its gradients"));
    }

    /** Returns a second handle to an array, which lives no longer than this tape. */
    NDArray share(NDArray array) {
        return TorchOps.share(manager, array);
    }

    NDArray weight(String name) {
        return of(weights, name);
    }

    void save(NDArray array) {
        if (mode == TapeMode.TRAIN) {
            saved.push(array);
            uses.merge(array, 1, Integer::sum);
            savedBytes += array.size() * array.getDataType().getNumOfBytes();
        }
    }

    /** Returns the array that was saved last; the layer calls {@link #spent} when it no longer needs it. */
    NDArray restore() {
        NDArray array = saved.pop();
        uses.computeIfPresent(array, (key, count) -> count == 1 ? null : count - 1);
        return array;
    }

    /** Frees an array that was restored, unless a layer before also saved it. */
    void spent(NDArray array) {
        if (!uses.containsKey(array)) {
            array.close();
        }
    }

    /** Returns roughly how many bytes this tape holds in memory. */
    long savedBytes() {
        return savedBytes;
    }

    /** Frees an array that no later layer reads, unless backward will read it. */
    void done(NDArray array) {
        if (mode != TapeMode.TRAIN) {
            array.close();
        }
    }

    @Override
    public void close() {
        manager.close();
    }

    static NDArray of(Map<String, NDArray> arrays, String name) {
        NDArray array = arrays.get(name);
        if (array == null) {
            throw new IllegalStateException("no array named " + name);
        }
        return array;
    }
}
