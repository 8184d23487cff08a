package io.swav.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.golden.RankProcesses;
import io.swav.swav.Settings;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench overlap}: how much of the sums of gradients backward hides. */
@Command(
        name = "overlap",
        mixinStandardHelpOptions = true,
        description = {
            "Trains resnet18 on noise over several processes on loopback, 64 pictures each, with gradients summed while "
                    + "backward runs and, in turns, after it.",
            "Communication is the time in which a sum is under way, waiting for peers included; exposed is the part of "
                    + "it after backward has ended. Figures are of an average step and rank. On a machine that does "
                    + "other things as well, the thread's CPU time says more than the clock."
        })
public final class OverlapBench implements Callable<Integer> {
    private static final Duration TIMEOUT = Duration.ofMinutes(30);

    /** Of an average step and rank. */
    public record Mode(
            double stepSeconds,
            double communicationSeconds,
            double exposedSeconds,
            double communicationCpuSeconds,
            double exposedCpuSeconds) {}

    /**
     * @param exposed share of communication that backward does not hide, with overlap
     * @param exposedCpu the same of the communication thread's CPU time
     */
    public record Result(double exposed, double exposedCpu, Mode overlap, Mode afterBackward) {}

    @Option(names = "--ranks", description = "Processes (default: ${DEFAULT-VALUE}).")
    private int ranks = 2;

    @Option(names = "--steps", description = "Measured steps, after one to warm up (default: ${DEFAULT-VALUE}).")
    private int steps = 10;

    @Option(names = "--bucket", paramLabel = "MIB", description = "Of gradients at a time (default: 25).")
    private long bucket = Settings.BUCKET_BYTES >> 20;

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE.")
    private @Nullable Path json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InterruptedException {
        ConcurrentLinkedQueue<long[]> said = new ConcurrentLinkedQueue<>();
        Optional<String> problem = RankProcesses.run(
                List.of(), // the compiler that a trainer runs with
                OverlapRank.class,
                ranks,
                TIMEOUT,
                List.of(String.valueOf(steps), String.valueOf(bucket << 20)),
                (rank, line) -> said.add(Arrays.stream(line.split(" ", -1))
                        .mapToLong(Long::parseLong)
                        .toArray()));
        if (problem.isPresent()) {
            spec.commandLine().getErr().println("swav bench overlap: " + problem.get());
            return 1;
        }
        Mode overlap = mean(said.stream().filter(line -> line[0] == 1).toList());
        Mode after = mean(said.stream().filter(line -> line[0] == 0).toList());
        Result result = new Result(
                overlap.exposedSeconds() / overlap.communicationSeconds(),
                overlap.exposedCpuSeconds() / overlap.communicationCpuSeconds(),
                overlap,
                after);
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "%d ranks, %d steps, seconds a step%n", ranks, steps);
        out.printf("                       step  communication  exposed    its CPU  exposed%n");
        print(out, "while backward runs", overlap);
        print(out, "after backward", after);
        out.printf(
                Locale.ROOT,
                "exposed: %.1f %% of communication, %.1f %% of its CPU time%n",
                100 * result.exposed(),
                100 * result.exposedCpu());
        out.flush();
        if (json != null) {
            new ObjectMapper().writerWithDefaultPrettyPrinter().writeValue(json.toFile(), result);
        }
        return 0;
    }

    private static Mode mean(List<long[]> lines) {
        return new Mode(mean(lines, 1), mean(lines, 2), mean(lines, 3), mean(lines, 4), mean(lines, 5));
    }

    private static double mean(List<long[]> lines, int column) {
        return lines.stream().mapToLong(line -> line[column]).average().orElse(0) / 1e9;
    }

    private static void print(PrintWriter out, String what, Mode mode) {
        out.printf(
                Locale.ROOT,
                "%-20s %6.3f  %13.3f  %7.3f  %9.3f  %7.3f%n",
                what,
                mode.stepSeconds(),
                mode.communicationSeconds(),
                mode.exposedSeconds(),
                mode.communicationCpuSeconds(),
                mode.exposedCpuSeconds());
    }
}
