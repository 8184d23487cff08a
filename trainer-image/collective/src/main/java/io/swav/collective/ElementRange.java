package io.swav.collective;

import ai.djl.ndarray.NDArray;
import io.swav.collective.Collective.Transfer;
import io.swav.torch.TensorMemory;
import java.util.List;

/** The elements [from, to) of an array; every rank has an array of that size. */
record ElementRange(long from, long to) {
    long count() {
        return to - from;
    }

    /** Part {@code index} of {@code parts} parts, whose sizes differ by at most one element. */
    ElementRange part(int index, int parts) {
        return new ElementRange(from + count() * index / parts, from + count() * (index + 1) / parts);
    }

    TensorMemory.Part of(NDArray array) {
        return new TensorMemory.Part(array, from, count());
    }

    void of(NDArray array, int peer, List<Transfer> transfers) {
        if (to > from) {
            transfers.add(new Transfer(peer, array, from, count()));
        }
    }
}
