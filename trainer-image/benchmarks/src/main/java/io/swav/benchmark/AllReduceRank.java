package io.swav.benchmark;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.sun.management.OperatingSystemMXBean;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.TreeSum;
import io.swav.multiprocess.RankProcess;
import io.swav.torch.HostView;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.IntStream;

/** One rank of {@code bench allreduce}; rank 0 prints the times. */
final class AllReduceRank {
    private static final int SMALL_FLOATS = 12 * 1024 / Float.BYTES;
    private static final int SMALL_WARM_UP = 1000;
    private static final OperatingSystemMXBean MACHINE =
            ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    private AllReduceRank() {}

    private interface RankWork {
        void run() throws IOException;
    }

    /**
     * Arguments: rank, size, rounds, bytes of the large sum, small sums. Every rank prints {@code ceiling chunks tree}
     * for every round: nanoseconds of wall time and of processor time for each. Rank 0 then prints one line with the
     * nanoseconds of every small sum.
     */
    public static void main(String[] args) throws IOException {
        int rank = Integer.parseInt(args[0]);
        int size = Integer.parseInt(args[1]);
        int rounds = Integer.parseInt(args[2]);
        long bytes = Long.parseLong(args[3]);
        int smalls = Integer.parseInt(args[4]);
        TorchRuntime.start();
        TorchRuntime.setThreads(1);
        try (Collective world = RankProcess.join(rank, size);
                PlainRing plain = PlainRing.connect(world);
                NDManager manager = TorchRuntime.host()) {
            NDArray values = manager.zeros(new Shape(bytes / Float.BYTES));
            ByteBuffer from = HostView.of(values).bytes();
            NDArray other = manager.zeros(values.getShape());
            ByteBuffer into = HostView.of(other).bytes();
            long sent = AllReduceBench.bytesSent(bytes, size);
            NDArray signal = manager.zeros(new Shape(1), DataType.INT64);
            for (int round = -1; round < rounds; round++) { // the first one warms up
                String ceiling = times(world, signal, () -> plain.push(sent, from, into));
                String chunks = times(world, signal, () -> world.allReduceSum(values));
                String tree = times(world, signal, () -> sumTree(world, values));
                if (round >= 0) {
                    RankProcess.say(ceiling + " " + chunks + " " + tree);
                }
            }
            NDArray small = manager.ones(new Shape(SMALL_FLOATS));
            long[] took = new long[smalls];
            for (int call = -SMALL_WARM_UP; call < smalls; call++) {
                long start = System.nanoTime();
                world.allReduceSum(small);
                if (call >= 0) {
                    took[call] = System.nanoTime() - start;
                }
            }
            if (rank == 0) {
                RankProcess.say(String.join(
                        " ", Arrays.stream(took).mapToObj(String::valueOf).toList()));
            }
        }
    }

    /** Sums in the tree's order with one group for each rank: the same bytes as in any order. */
    private static void sumTree(Collective world, NDArray values) {
        GroupRange[] runs = IntStream.range(0, world.size())
                .mapToObj(rank -> GroupRange.of(world.size(), rank, world.size()))
                .toArray(GroupRange[]::new);
        TreeSum.Accumulator local = new TreeSum.Accumulator(world.size(), runs[world.rank()]);
        local.add(world.rank(), values);
        local.reduce(world, runs);
    }

    /** Measures from the moment that all ranks are ready until all are done. */
    private static String times(Collective world, NDArray signal, RankWork work) throws IOException {
        world.allReduceMin(signal);
        long start = System.nanoTime();
        long cpu = MACHINE.getProcessCpuTime();
        work.run();
        world.allReduceMin(signal);
        return System.nanoTime() - start + " " + (MACHINE.getProcessCpuTime() - cpu);
    }
}
