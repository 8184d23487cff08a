package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.TorchOps;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Named arrays laid out consecutively in one flat array, each at a multiple of {@link #ROW} elements; the gaps stay
 * zero.
 */
public final class FlatLayout {
    /**
     * Elements of a row. No row belongs to two arrays, so a factor for each array can be applied as a factor for each
     * row.
     */
    public static final int ROW = 256;

    /** The position of one array. */
    public record ParameterSlot(String name, Shape shape, long offset) {}

    private final Map<String, ParameterSlot> slots = new LinkedHashMap<>();
    private long size;

    public ParameterSlot add(String name, long... shape) {
        ParameterSlot slot = new ParameterSlot(name, new Shape(shape), size);
        if (slots.put(name, slot) != null) {
            throw new IllegalStateException("two arrays are named " + name);
        }
        size += (slot.shape().size() + ROW - 1) / ROW * ROW;
        return slot;
    }

    /** Returns the number of elements of the flat array. */
    public long size() {
        return size;
    }

    Iterable<ParameterSlot> slots() {
        return slots.values();
    }

    /** Returns the layout of the arrays that were added before the one of this name; their positions are unchanged. */
    FlatLayout before(String name) {
        FlatLayout before = new FlatLayout();
        for (ParameterSlot slot : slots.values()) {
            if (slot.name().equals(name)) {
                return before;
            }
            before.add(slot.name(), slot.shape().getShape());
        }
        throw new IllegalStateException("no array named " + name);
    }

    /**
     * Returns, for every row of the flat array, the number of the array that it belongs to, counted from 0: (rows)
     * INT64.
     */
    public NDArray owners(NDManager manager) {
        long[] owners = new long[Math.toIntExact(size / ROW)];
        int number = 0;
        for (ParameterSlot slot : slots.values()) {
            Arrays.fill(owners, (int) (slot.offset() / ROW), owners.length, number++);
        }
        return manager.create(owners);
    }

    /** Sets the gaps of a flat array of {@link #size} elements or more to zero, and everything after the last slot. */
    void clearGaps(NDArray flat) {
        long end = 0;
        for (ParameterSlot slot : slots.values()) {
            TorchOps.clear(flat, end, slot.offset());
            end = slot.offset() + slot.shape().size();
        }
        TorchOps.clear(flat, end, flat.size());
    }

    /** Returns a view of every array within {@code flat} from element {@code base} on, in the order they were added. */
    public Map<String, NDArray> views(NDManager manager, NDArray flat, long base) {
        Map<String, NDArray> views = new LinkedHashMap<>();
        for (ParameterSlot slot : slots.values()) {
            views.put(
                    slot.name(),
                    TorchOps.view(
                            manager, flat, base + slot.offset(), slot.shape().getShape()));
        }
        return views;
    }
}
