package io.swav.membership;

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

/**
 * Exchanges small values between the ranks of a world, in host memory. Every rank calls the same method at the same
 * point, and no rank returns before all have called; each throws a {@link io.swav.collective.CollectiveException} if a
 * peer is lost.
 */
public final class RankExchange {
    private RankExchange() {}

    /** Returns the least of the ranks' values. */
    public static long least(Collective collective, long mine) {
        try (NDManager manager = TorchRuntime.host()) {
            NDArray least = manager.create(new long[] {mine});
            collective.allReduceMin(least);
            return least.getLong(0);
        }
    }

    /** Waits for all ranks. */
    public static void barrier(Collective collective) {
        least(collective, 0);
    }

    /** Returns the texts of all ranks, in the order of ranks. */
    public static List<String> texts(Collective collective, String mine) {
        byte[] bytes = mine.getBytes(StandardCharsets.UTF_8);
        long[] lengths = numbers(collective, new long[] {bytes.length});
        int padded = Math.toIntExact((Arrays.stream(lengths).max().orElseThrow() / Long.BYTES + 1) * Long.BYTES);
        byte[] all = bytes(collective, Arrays.copyOf(bytes, padded));
        List<String> texts = new ArrayList<>();
        for (int rank = 0; rank < collective.size(); rank++) {
            texts.add(new String(all, rank * padded, (int) lengths[rank], StandardCharsets.UTF_8));
        }
        return texts;
    }

    /**
     * Returns the bytes of all ranks, one rank after another.
     *
     * @param mine as many as every other rank's, a multiple of 8
     */
    static byte[] bytes(Collective collective, byte[] mine) {
        long[] words = new long[mine.length / Long.BYTES];
        ByteBuffer.wrap(mine).asLongBuffer().get(words);
        ByteBuffer all = ByteBuffer.allocate(collective.size() * mine.length);
        all.asLongBuffer().put(numbers(collective, words));
        return all.array();
    }

    private static long[] numbers(Collective collective, long[] mine) {
        try (NDManager manager = TorchRuntime.host()) {
            NDArray all = manager.zeros(new Shape(collective.size(), mine.length), DataType.INT64);
            collective.allGather(manager.create(mine), all);
            return all.toLongArray();
        }
    }
}
