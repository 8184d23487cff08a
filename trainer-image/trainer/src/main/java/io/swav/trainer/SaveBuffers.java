package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.model.TrainStep;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The copy of model and optimizer that saves are made from. The pages of its buffers are touched when they are allocated,
 * in {@link #reserve} at the start, not while a step waits. One thread at a time uses it.
 */
final class SaveBuffers {
    private final TrainStep machine;
    private final Consumer<HostSnapshot> copier;
    private final long bytes;
    private @Nullable HostSnapshot snapshot;

    /** @param copier makes the copy */
    SaveBuffers(TrainStep machine, Consumer<HostSnapshot> copier) {
        this.machine = machine;
        this.copier = copier;
        this.bytes = bytes(machine.model()) + bytes(machine.optimizer());
    }

    private static long bytes(Map<String, NDArray> arrays) {
        return arrays.values().stream()
                .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
                .sum();
    }

    long bytes() {
        return bytes;
    }

    /** Allocates the buffers, unless they are. */
    HostSnapshot reserve() {
        HostSnapshot into = snapshot;
        if (into == null) {
            into = new HostSnapshot(machine.model(), machine.optimizer());
            snapshot = into;
        }
        return into;
    }

    void copy() {
        copier.accept(reserve());
    }

    /** Returns the last copy. */
    Checkpoint checkpoint(CheckpointState state) {
        return reserve().checkpoint(state);
    }
}
