package io.swav.collective.nccl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.torch.TorchRuntime;
import java.nio.ByteBuffer;

/** Exchanges a few numbers through host memory and over sockets, before a communicator exists. */
final class BootstrapExchange {
    private BootstrapExchange() {}

    /** Copies rank 0's {@code bytes}, whose length is a multiple of 8, to all ranks. */
    static void broadcast(Collective sockets, byte[] bytes) {
        long[] words = new long[bytes.length / Long.BYTES];
        ByteBuffer.wrap(bytes).asLongBuffer().get(words);
        try (NDManager manager = manager()) {
            NDArray array = manager.create(words);
            sockets.broadcast(array, 0);
            ByteBuffer.wrap(bytes).asLongBuffer().put(array.toLongArray());
        }
    }

    /** Returns the numbers of every rank, by rank; each passes equally many. */
    static long[][] gather(Collective sockets, long... mine) {
        long[][] all = new long[sockets.size()][mine.length];
        try (NDManager manager = manager()) {
            NDArray gathered = manager.create(new long[mine.length * all.length]);
            sockets.allGather(manager.create(mine), gathered);
            long[] flat = gathered.toLongArray();
            for (int rank = 0; rank < all.length; rank++) {
                System.arraycopy(flat, rank * mine.length, all[rank], 0, mine.length);
            }
        }
        return all;
    }

    private static NDManager manager() {
        return TorchRuntime.host();
    }
}
