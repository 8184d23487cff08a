package io.swav.checkpoint;

import ai.djl.ndarray.NDArray;
import io.swav.torch.HostView;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A copy of model and optimizer in host memory that is reused for every save: it is allocated, and each page touched,
 * once. A step only reads the state until it applies its gradients, so the copy is made while the next step computes.
 */
public final class HostSnapshot {
    private static final int SLICE = 4 << 20;

    private final Map<String, HostTensor> model = new LinkedHashMap<>();
    private final Map<String, HostTensor> optimizer = new LinkedHashMap<>();
    private final List<Slice> slices = new ArrayList<>();
    /** Arrays on a device: their bytes here are the copy. */
    private final List<HostView> remote = new ArrayList<>();
    /** Arrays that own the memory which the slices read. */
    private final List<NDArray> arrays = new ArrayList<>();

    private record Slice(ByteBuffer from, ByteBuffer to) {}

    /** Prepares copies of these arrays, whose storage must not move; nothing is copied yet. */
    public HostSnapshot(Map<String, NDArray> model, Map<String, NDArray> optimizer) {
        model.forEach((name, array) -> this.model.put(name, prepared(array)));
        optimizer.forEach((name, array) -> this.optimizer.put(name, prepared(array)));
    }

    /** Copies these arrays. */
    public static Map<String, HostTensor> of(Map<String, NDArray> arrays) {
        HostSnapshot snapshot = new HostSnapshot(arrays, Map.of());
        snapshot.copy();
        return snapshot.model;
    }

    private HostTensor prepared(NDArray array) {
        HostView own = HostView.toFill(array);
        ByteBuffer to = own.shared() ? sliced(own.bytes()) : own.bytes();
        if (!own.shared()) {
            remote.add(own);
        }
        arrays.add(array);
        List<Long> shape = Arrays.stream(array.getShape().getShape()).boxed().toList();
        return new HostTensor(array.getDataType(), shape, to);
    }

    private ByteBuffer sliced(ByteBuffer from) {
        ByteBuffer to = ByteBuffer.allocateDirect(from.capacity());
        for (int at = 0; at < from.capacity(); at += SLICE) {
            int length = Math.min(SLICE, from.capacity() - at);
            slices.add(new Slice(from.slice(at, length), to.slice(at, length)));
        }
        return to;
    }

    /** Returns the number of bytes that a copy holds. */
    public long bytes() {
        return Stream.of(model, optimizer)
                .flatMap(tensors -> tensors.values().stream())
                .mapToLong(tensor -> tensor.bytes().capacity())
                .sum();
    }

    /** Copies all arrays, using all cores for those in host memory; the arrays must not change meanwhile. */
    public void copy() {
        remote.forEach(HostView::load);
        IntStream.range(0, slices.size()).parallel().forEach(i -> {
            Slice slice = slices.get(i);
            slice.to().duplicate().put(slice.from().duplicate());
        });
    }

    /** Copies all arrays and returns the copy. */
    public Checkpoint copied(CheckpointState state) {
        copy();
        return checkpoint(state);
    }

    /** Returns the last copy; the next copy overwrites its tensors. */
    public Checkpoint checkpoint(CheckpointState state) {
        return new Checkpoint(state, model, optimizer);
    }
}
