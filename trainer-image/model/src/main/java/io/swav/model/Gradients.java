package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.torch.TorchOps;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/** The gradients of one backward, written into their places in a flat array; several passes of one parameter add up. */
final class Gradients implements AutoCloseable {
    private final NDManager views;
    private final Map<String, NDArray> slots;
    private final Map<String, Integer> added = new HashMap<>();
    private final Consumer<String> done;
    private int passes = 1;

    /** @param done receives the name of every parameter when its gradient becomes final */
    Gradients(NDManager manager, FlatLayout layout, NDArray flat, Consumer<String> done) {
        this.views = manager.newSubManager();
        this.slots = layout.views(views, flat, 0);
        this.done = done;
    }

    /** Declares that backward passes the following parameters {@code times} times. */
    void passes(int times) {
        passes = times;
    }

    /** Adds to the gradient of {@code name} and frees {@code gradient}. */
    void add(String name, NDArray gradient) {
        NDArray slot = slot(name);
        int times = added.merge(name, 1, Integer::sum);
        if (times == 1) {
            TorchOps.copy(gradient, slot);
        } else {
            slot.addi(gradient);
        }
        gradient.close();
        if (times == passes) {
            done.accept(name);
        }
    }

    /** Declares that the gradient of {@code name} is zero. */
    void none(String name) {
        NDArray slot = slot(name);
        TorchOps.clear(slot, 0, slot.size());
        done.accept(name);
    }

    private NDArray slot(String name) {
        NDArray slot = slots.get(name);
        if (slot == null) {
            throw new IllegalStateException("no parameter named " + name);
        }
        return slot;
    }

    @Override
    public void close() {
        views.close();
    }
}
