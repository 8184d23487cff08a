package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.TorchOps;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Named arrays side by side in one flat array, each at a multiple of {@link #ROW} elements; the gaps stay zero. */
public final class FlatLayout {
    /** No row of so many elements belongs to two arrays: a factor an array is a factor a row. */
    public static final int ROW = 256;

    /** Where one array lies. */
    public record Slot(String name, Shape shape, long offset) {}

    private final Map<String, Slot> slots = new LinkedHashMap<>();
    private long size;

    public Slot add(String name, long... shape) {
        Slot slot = new Slot(name, new Shape(shape), size);
        if (slots.put(name, slot) != null) {
            throw new IllegalStateException("two arrays are named " + name);
        }
        size += (slot.shape().size() + ROW - 1) / ROW * ROW;
        return slot;
    }

    /** Elements of the flat array. */
    public long size() {
        return size;
    }

    Iterable<Slot> slots() {
        return slots.values();
    }

    /** The arrays that were added before the one of this name, where they are. */
    FlatLayout before(String name) {
        FlatLayout before = new FlatLayout();
        for (Slot slot : slots.values()) {
            if (slot.name().equals(name)) {
                return before;
            }
            before.add(slot.name(), slot.shape().getShape());
        }
        throw new IllegalStateException("no array named " + name);
    }

    /** For every row of the flat array, the number of the array that it belongs to, counted from 0: (rows) INT64. */
    public NDArray owners(NDManager manager) {
        long[] owners = new long[Math.toIntExact(size / ROW)];
        int number = 0;
        for (Slot slot : slots.values()) {
            Arrays.fill(owners, (int) (slot.offset() / ROW), owners.length, number++);
        }
        return manager.create(owners);
    }

    /** Makes the gaps of a flat array of {@link #size} elements or more zeros, and whatever lies behind the last slot. */
    void clearGaps(NDArray flat) {
        long end = 0;
        for (Slot slot : slots.values()) {
            TorchOps.clear(flat, end, slot.offset());
            end = slot.offset() + slot.shape().size();
        }
        TorchOps.clear(flat, end, flat.size());
    }

    /** A view of every array within {@code flat} from {@code base} on, in the order they were added. */
    public Map<String, NDArray> views(NDManager manager, NDArray flat, long base) {
        Map<String, NDArray> views = new LinkedHashMap<>();
        for (Slot slot : slots.values()) {
            views.put(
                    slot.name(),
                    TorchOps.view(
                            manager, flat, base + slot.offset(), slot.shape().getShape()));
        }
        return views;
    }
}
