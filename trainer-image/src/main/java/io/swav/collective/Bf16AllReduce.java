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
 * A sum of float32 for which bfloat16 travels. Every rank gets its chunk, rounded, from all, adds in float32 and rank
 * order, and gives the total, rounded, to all, itself included: so nothing is rounded more than twice, whatever the number
 * of ranks, and everybody has the same bits. A slice at a time: the totals of one travel with the chunks of the next.
 */
final class Bf16AllReduce {
    /** Elements of one rank's chunk in a slice. */
    private static final long CHUNK = 1 << 20;
    /** Of the chunks that arrive from all others. */
    private static final long ARRIVING = 8 << 20;

    private final Collective collective;
    private final NDArray flat;
    private final int size;
    /** Of packed elements, for one chunk. */
    private final long room;

    /** Packed: for each peer what goes to it and what came from it, this rank's total, and those of others. */
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

    /** In place; {@code flat} has one dimension. */
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

    /** Where the values of {@code span} lie, packed, in the {@code nth} room of an array. */
    private ElementRange packed(int nth, ElementRange span) {
        return new ElementRange(nth * room, nth * room + TensorMemory.packed(span.count()));
    }
}
