package io.swav.collective;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective.Transfer;
import io.swav.torch.TensorMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * A float32 all-reduce that sends bfloat16. Every rank receives its chunk, rounded, from all others, adds the values in
 * float32 in rank order, and distributes the rounded total to all, itself included. So no value is rounded more than
 * twice, however many ranks take part, and all ranks have the same bits. Arrays are processed one slice at a time; the
 * totals of a slice are sent with the chunks of the next.
 */
final class Bf16AllReduce {
    /** Largest number of elements of one rank's chunk in a slice. */
    private static final long CHUNK = 1 << 20;
    /** Largest number of elements of the chunks that arrive from all other ranks. */
    private static final long ARRIVING = 8 << 20;

    private final Collective collective;
    private final NDArray flat;
    private final int size;
    /** Packed elements that one chunk takes up. */
    private final long room;

    /** Packed chunks: those to send and those received, by peer, this rank's total, and the others' totals. */
    private final NDArray leaving;

    private final NDArray arriving;
    private final NDArray total;
    private final NDArray totals;

    private Bf16AllReduce(Collective collective, NDArray flat, long chunk, NDManager scope) {
        this.collective = collective;
        this.flat = flat;
        this.size = collective.size();
        this.room = TensorMemory.packed(chunk);
        this.leaving = empty(scope, room * size);
        this.arriving = empty(scope, room * size);
        this.total = empty(scope, room);
        this.totals = empty(scope, room * size);
    }

    private NDArray empty(NDManager scope, long elements) {
        return scope.create(new Shape(elements), DataType.FLOAT32, flat.getDevice());
    }

    /** Sums in place; {@code flat} has one dimension. */
    static void run(Collective collective, NDArray flat) {
        int size = collective.size();
        if (size == 1) {
            return;
        }
        long chunk = Math.min(flat.size() / size + 1, Math.min(CHUNK, ARRIVING / (size - 1)));
        try (NDManager scope = flat.getManager().newSubManager()) {
            new Bf16AllReduce(collective, flat, chunk, scope).slices(chunk * size);
        }
    }

    private void slices(long slice) {
        ElementRange added = new ElementRange(0, 0);
        while (added.from() < flat.size()) {
            ElementRange finished = added;
            ElementRange next = new ElementRange(added.to(), Math.min(added.to() + slice, flat.size()));
            List<Transfer> sends = new ArrayList<>();
            List<Transfer> receives = new ArrayList<>();
            ElementRange mine = next.part(collective.rank(), size);
            for (int peer = 0; peer < size; peer++) {
                if (peer != collective.rank()) {
                    packed(0, finished.part(collective.rank(), size)).of(total, peer, sends);
                    packed(peer, finished.part(peer, size)).of(totals, peer, receives);
                    ElementRange theirs = next.part(peer, size);
                    TensorMemory.pack(theirs.of(flat), leaving, peer * room);
                    packed(peer, theirs).of(leaving, peer, sends);
                    packed(peer, mine).of(arriving, peer, receives);
                }
            }
            collective.exchange(sends, receives);
            for (int peer = 0; peer < size; peer++) {
                if (peer != collective.rank()) {
                    TensorMemory.unpack(
                            totals, peer * room, finished.part(peer, size).of(flat));
                    TensorMemory.addPacked(mine.of(flat), arriving, peer * room);
                }
            }
            TensorMemory.pack(mine.of(flat), total, 0);
            TensorMemory.unpack(total, 0, mine.of(flat));
            added = next;
        }
    }

    /** Returns the packed elements that hold the values of {@code span} in the {@code nth} room of an array. */
    private ElementRange packed(int nth, ElementRange span) {
        return new ElementRange(nth * room, nth * room + TensorMemory.packed(span.count()));
    }
}
