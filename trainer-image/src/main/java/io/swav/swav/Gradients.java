package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.tensor.Kernels;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The gradients of one backward, written into their places in a flat array; the passes of one parameter add up. */
final class Gradients implements AutoCloseable {
    private final NDManager views;
    private final Map<String, NDArray> slots;
    private final Set<String> written = new HashSet<>();

    Gradients(NDManager manager, Layout layout, NDArray flat) {
        this.views = manager.newSubManager();
        this.slots = layout.views(views, flat, 0);
    }

    /** Adds to the gradient of {@code name} and frees {@code gradient}. */
    void add(String name, NDArray gradient) {
        NDArray slot = slots.get(name);
        if (slot == null) {
            throw new IllegalStateException("no parameter named " + name);
        }
        if (written.add(name)) {
            Kernels.copy(gradient, slot);
        } else {
            slot.addi(gradient);
        }
        gradient.close();
    }

    @Override
    public void close() {
        views.close();
    }
}
