package io.swav.collective.nccl;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import java.nio.ByteBuffer;

/** Small agreements in host memory, over sockets. */
final class Host {
    private Host() {}

    /** Rank 0's bytes, a multiple of 8 of them, everywhere. */
    static void broadcast(Collective sockets, byte[] bytes) {
        long[] words = new long[bytes.length / Long.BYTES];
        ByteBuffer.wrap(bytes).asLongBuffer().get(words);
        try (NDManager manager = manager()) {
            NDArray array = manager.create(words);
            sockets.broadcast(array, 0);
            ByteBuffer.wrap(bytes).asLongBuffer().put(array.toLongArray());
        }
    }

    /** Everybody's smallest, element by element. */
    static long[] min(Collective sockets, long... values) {
        try (NDManager manager = manager()) {
            NDArray array = manager.create(values);
            sockets.allReduceMin(array);
            return array.toLongArray();
        }
    }

    private static NDManager manager() {
        return NDManager.newBaseManager(Device.cpu(), "PyTorch");
    }
}
