package io.swav.benchmark;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.model.StepSettings;
import io.swav.multiprocess.ProcessGroup;
import io.swav.multiprocess.RankFailure;
import io.swav.torch.Precision;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
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

/** {@code bench overlap}: measures how much of the summing of gradients is hidden by backward. */
@Command(
        name = "overlap",
        mixinStandardHelpOptions = true,
        description = {
            "Trains resnet18 on noise over several processes on loopback, 64 images each, with gradients summed while "
                    + "backward runs and, alternating with that, after it.",
            "Communication is the time during which a sum is in progress, waiting for peers included; exposed is the "
                    + "part of it after backward has ended. Figures are means over steps and ranks.",
            "Transfer is the part of it during which all ranks take part in the sum; exposed after all have ended "
                    + "backward: this leaves out that one rank is slower than another. On a machine with other load, "
                    + "the thread's CPU time is more meaningful than wall time."
        })
public final class OverlapBench implements Callable<Integer> {
    private static final Duration TIMEOUT = Duration.ofMinutes(30);

    /** Times of an average step and rank. */
    public record OverlapMode(
            double stepSeconds,
            double communicationSeconds,
            double exposedSeconds,
            double transferSeconds,
            double exposedTransferSeconds,
            double communicationCpuSeconds,
            double exposedCpuSeconds) {}

    /**
     * The figures of the bench.
     *
     * @param exposed share of communication that backward does not hide, with overlap
     * @param exposedTransfer the same for the time in which no rank waits for another
     * @param exposedCpu the same for the communication thread's CPU time
     */
    public record OverlapResult(
            double exposed,
            double exposedTransfer,
            double exposedCpu,
            OverlapMode overlap,
            OverlapMode afterBackward) {}

    /** One step as all ranks reported it, by rank; see {@link OverlapRank}. */
    private record Step(List<long[]> lines) {
        private static final int BACKWARD_ENDED = 6;

        boolean overlaps() {
            return lines.get(0)[0] == 1;
        }

        double mean(int column) {
            return lines.stream().mapToLong(line -> line[column]).average().orElse(0);
        }

        /** Returns the time after {@code from} during which a sum was in progress that all ranks had reached. */
        double transfer(long from) {
            long nanos = 0;
            for (int at = BACKWARD_ENDED + 1; at < lines.get(0).length; at += 2) {
                nanos += Math.max(0, latest(at + 1) - Math.max(from, latest(at)));
            }
            return nanos;
        }

        double exposedTransfer() {
            return transfer(latest(BACKWARD_ENDED));
        }

        private long latest(int column) {
            return lines.stream().mapToLong(line -> line[column]).max().orElse(0);
        }
    }

    @Option(names = "--ranks", description = "Number of processes (default: ${DEFAULT-VALUE}).")
    private int ranks = 2;

    @Option(names = "--steps", description = "Measured steps, after one to warm up (default: ${DEFAULT-VALUE}).")
    private int steps = 10;

    @Option(names = "--bucket", paramLabel = "MIB", description = "Size of a gradient bucket (default: 25).")
    private long bucket = StepSettings.BUCKET_BYTES >> 20;

    @Option(
            names = "--gradients",
            description = "Precision in which gradients travel: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private Precision gradients = Precision.FP32;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE, JSON.")
    private @Nullable Path json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InterruptedException {
        List<Queue<long[]>> lines = Stream.generate(() -> (Queue<long[]>) new ConcurrentLinkedQueue<long[]>())
                .limit(ranks)
                .toList();
        Optional<RankFailure> failure = ProcessGroup.run(
                List.of(), // the default compiler, as in a trainer
                OverlapRank.class,
                ranks,
                TIMEOUT,
                List.of(String.valueOf(steps), String.valueOf(bucket << 20), gradients.name()),
                (rank, line) -> lines.get(rank)
                        .add(Arrays.stream(line.split(" ", -1))
                                .mapToLong(Long::parseLong)
                                .toArray()));
        if (failure.isPresent()) {
            spec.commandLine()
                    .getErr()
                    .println("swav bench overlap: " + failure.get().what());
            return 1;
        }
        List<Step> all = Stream.generate(
                        () -> new Step(lines.stream().map(Queue::remove).toList()))
                .limit(2L * steps)
                .toList();
        OverlapMode overlap = mean(all.stream().filter(Step::overlaps).toList());
        OverlapMode after = mean(all.stream().filter(step -> !step.overlaps()).toList());
        OverlapResult result = new OverlapResult(
                overlap.exposedSeconds() / overlap.communicationSeconds(),
                overlap.exposedTransferSeconds() / overlap.transferSeconds(),
                overlap.exposedCpuSeconds() / overlap.communicationCpuSeconds(),
                overlap,
                after);
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "%d ranks, %d steps, milliseconds a step%n", ranks, steps);
        out.printf("                       step  communication  exposed   transfer  exposed    its CPU  exposed%n");
        print(out, "while backward runs", overlap);
        print(out, "after backward", after);
        out.printf(
                Locale.ROOT,
                "exposed: %.1f %% of communication, %.1f %% of transfer, %.1f %% of its CPU time%n",
                100 * result.exposed(),
                100 * result.exposedTransfer(),
                100 * result.exposedCpu());
        out.flush();
        if (json != null) {
            new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), result);
        }
        return 0;
    }

    private static OverlapMode mean(List<Step> steps) {
        return new OverlapMode(
                mean(steps, step -> step.mean(1)),
                mean(steps, step -> step.mean(2)),
                mean(steps, step -> step.mean(3)),
                mean(steps, step -> step.transfer(0)),
                mean(steps, Step::exposedTransfer),
                mean(steps, step -> step.mean(4)),
                mean(steps, step -> step.mean(5)));
    }

    private static double mean(List<Step> steps, ToDoubleFunction<Step> nanos) {
        return steps.stream().mapToDouble(nanos).average().orElse(0) / 1e9;
    }

    private static void print(PrintWriter out, String what, OverlapMode mode) {
        out.printf(
                Locale.ROOT,
                "%-20s %6.1f  %13.1f  %7.1f  %9.1f  %7.1f  %9.1f  %7.1f%n",
                what,
                1e3 * mode.stepSeconds(),
                1e3 * mode.communicationSeconds(),
                1e3 * mode.exposedSeconds(),
                1e3 * mode.transferSeconds(),
                1e3 * mode.exposedTransferSeconds(),
                1e3 * mode.communicationCpuSeconds(),
                1e3 * mode.exposedCpuSeconds());
    }
}
