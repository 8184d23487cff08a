package io.swav.swav;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.tensor.Kernels;
import java.util.LinkedHashMap;
import java.util.Map;

/** Named arrays side by side in one flat array, each at a multiple of 16 elements; the gaps stay zero. */
final class Layout {
    private static final int ALIGN = 16;

    /** Where one array lies. */
    record Slot(String name, Shape shape, long offset) {}

    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private long size;

    Slot add(String name, long... shape) {
        Slot slot = new Slot(name, new Shape(shape), size);
        if (slots.put(name, slot) != null) {
            throw new IllegalStateException("two arrays are named " + name);
        }
        size += (slot.shape().size() + ALIGN - 1) / ALIGN * ALIGN;
        return slot;
    }

    /** Elements of the flat array. */
    long size() {
        return size;
    }

    Iterable<Slot> slots() {
        return slots.values();
    }

    /** Makes the gaps of a flat array of {@link #size} elements or more zeros, and whatever lies behind the last slot. */
    void clearGaps(NDArray flat) {
        long end = 0;
        for (Slot slot : slots.values()) {
            Kernels.clear(flat, end, slot.offset());
            end = slot.offset() + slot.shape().size();
        }
        Kernels.clear(flat, end, flat.size());
    }

    /** A view of every array within {@code flat} from {@code base} on, in the order they were added. */
    Map<String, NDArray> views(NDManager manager, NDArray flat, long base) {
        Map<String, NDArray> views = new LinkedHashMap<>();
        for (Slot slot : slots.values()) {
            views.put(
                    slot.name(),
                    Kernels.view(
                            manager, flat, base + slot.offset(), slot.shape().getShape()));
        }
        return views;
    }
}
