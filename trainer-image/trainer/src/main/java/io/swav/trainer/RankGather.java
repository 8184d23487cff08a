package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.torch.TorchRuntime;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Gathers a text from every rank. */
final class RankGather {
    private RankGather() {}

    /**
     * Returns the texts of all ranks, in the order of ranks; every rank calls this at the same point.
     *
     * @throws io.swav.collective.CollectiveException if a peer is lost
     */
    static List<String> of(Collective collective, String mine) {
        byte[] bytes = mine.getBytes(StandardCharsets.UTF_8);
        long[] lengths = gather(collective, new long[] {bytes.length});
        int words = (int) Arrays.stream(lengths).max().orElseThrow() / Long.BYTES + 1;
        ByteBuffer padded = ByteBuffer.allocate(words * Long.BYTES).put(0, bytes);
        long[] own = new long[words];
        padded.asLongBuffer().get(own);
        ByteBuffer all = ByteBuffer.allocate(collective.size() * words * Long.BYTES);
        all.asLongBuffer().put(gather(collective, own));
        List<String> texts = new ArrayList<>();
        for (int rank = 0; rank < collective.size(); rank++) {
            int from = rank * words * Long.BYTES;
            texts.add(new String(all.array(), from, (int) lengths[rank], StandardCharsets.UTF_8));
        }
        return texts;
    }

    private static long[] gather(Collective collective, long[] mine) {
        try (NDManager manager = TorchRuntime.host()) {
            NDArray all = manager.zeros(new Shape(collective.size(), mine.length), DataType.INT64);
            collective.allGather(manager.create(mine), all);
            return all.toLongArray();
        }
    }
}
