package io.swav.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.multiprocess.ProcessGroup;
import io.swav.multiprocess.RankFailure;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench allreduce}: compares sums over sockets with sending the same bytes without adding, in alternation. */
@Command(
        name = "allreduce",
        mixinStandardHelpOptions = true,
        description = {
            "Sums an array over several processes on loopback, in any order and in the tree's order, in turns with the "
                    + "same bytes sent through plain sockets.",
            "Figures are medians over rounds; ratios are taken within a round. On a machine with other load, "
                    + "the ratio of processor time is more meaningful than that of wall time."
        })
public final class AllReduceBench implements Callable<Integer> {
    private static final Duration TIMEOUT = Duration.ofMinutes(10);
    private static final int SMALL_SUMS = 3000;

    /**
     * The figures of the bench.
     *
     * @param bytesPerSecond bytes that each rank sends per second while it sums: 2(W−1)/W of the array
     * @param ceilingBytesPerSecond the same bytes through plain sockets, see {@link PlainRing}
     * @param ratio of the two
     * @param cpuRatio the ratio of the processor time of all ranks
     * @param treeOverAny time of the sum in one order over that in any order
     * @param treeOverAnyCpu the same for the processor time of all ranks
     * @param smallMicros time of a sum of 12 KB, in microseconds
     */
    public record AllReduceResult(
            double bytesPerSecond,
            double ceilingBytesPerSecond,
            double ratio,
            double cpuRatio,
            double treeOverAny,
            double treeOverAnyCpu,
            Quantiles smallMicros) {}

    /** Quantiles of the time of one call. */
    public record Quantiles(double p50, double p99) {}

    /** Wall time of rank 0, and processor time of all ranks. */
    private record Times(long nanos, long cpuNanos) {}

    private record Round(Times ceiling, Times any, Times tree) {
        /** @param lines the lines that the ranks printed in this round, by rank */
        static Round of(List<long[]> lines) {
            return new Round(times(lines, 0), times(lines, 2), times(lines, 4));
        }

        private static Times times(List<long[]> lines, int column) {
            return new Times(
                    lines.get(0)[column],
                    lines.stream().mapToLong(line -> line[column + 1]).sum());
        }
    }

    @Option(names = "--ranks", description = "Number of processes (default: ${DEFAULT-VALUE}).")
    private int ranks = 4;

    @Option(names = "--megabytes", description = "Size of the array (default: ${DEFAULT-VALUE}).")
    private int megabytes = 100;

    @Option(names = "--rounds", description = "Measured rounds, after one to warm up (default: ${DEFAULT-VALUE}).")
    private int rounds = 9;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE, JSON.")
    private @Nullable Path json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    /** Returns the bytes that each rank sends for a sum of {@code bytes}. */
    static long bytesSent(long bytes, int ranks) {
        return 2 * bytes * (ranks - 1) / ranks;
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        PrintWriter out = spec.commandLine().getOut();
        long bytes = megabytes * 1_000_000L;
        List<Queue<long[]>> lines = Stream.generate(() -> (Queue<long[]>) new ConcurrentLinkedQueue<long[]>())
                .limit(ranks)
                .toList();
        Optional<RankFailure> failure = ProcessGroup.run(
                List.of(), // the default compiler, as in a trainer
                AllReduceRank.class,
                ranks,
                TIMEOUT,
                List.of(String.valueOf(rounds), String.valueOf(bytes), String.valueOf(SMALL_SUMS)),
                (rank, line) -> lines.get(rank)
                        .add(Arrays.stream(line.split(" ", -1))
                                .mapToLong(Long::parseLong)
                                .toArray()));
        if (failure.isPresent()) {
            spec.commandLine()
                    .getErr()
                    .println("swav bench allreduce: " + failure.get().what());
            return 1;
        }
        List<Round> measured = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            measured.add(Round.of(lines.stream().map(Queue::remove).toList()));
        }
        long[] small = lines.get(0).remove();
        Arrays.sort(small);
        double sent = bytesSent(bytes, ranks);
        AllReduceResult result = new AllReduceResult(
                median(measured, round -> sent * 1e9 / round.any().nanos()),
                median(measured, round -> sent * 1e9 / round.ceiling().nanos()),
                median(
                        measured,
                        round -> (double) round.ceiling().nanos() / round.any().nanos()),
                median(
                        measured,
                        round -> (double) round.ceiling().cpuNanos()
                                / round.any().cpuNanos()),
                median(
                        measured,
                        round -> (double) round.tree().nanos() / round.any().nanos()),
                median(
                        measured,
                        round -> (double) round.tree().cpuNanos() / round.any().cpuNanos()),
                new Quantiles(small[small.length / 2] / 1e3, small[small.length * 99 / 100] / 1e3));
        out.printf(
                Locale.ROOT,
                "%d ranks, %d MB: %.0f MB/s a rank, plain sockets %.0f MB/s, ratio %.2f, of processor time %.2f%n"
                        + "in the tree's order: %.2f of the time, %.2f of the processors'%n"
                        + "12 KB: p50 %.0f µs, p99 %.0f µs%n",
                ranks,
                megabytes,
                result.bytesPerSecond() / 1e6,
                result.ceilingBytesPerSecond() / 1e6,
                result.ratio(),
                result.cpuRatio(),
                result.treeOverAny(),
                result.treeOverAnyCpu(),
                result.smallMicros().p50(),
                result.smallMicros().p99());
        out.flush();
        if (json != null) {
            new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), result);
        }
        return 0;
    }

    private static double median(List<Round> rounds, ToDoubleFunction<Round> figure) {
        double[] sorted = rounds.stream().mapToDouble(figure).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
