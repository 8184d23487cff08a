package io.swav.benchmark;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.model.GradientSum;
import io.swav.model.Sinkhorn;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bench sinkhorn}: measures the CPU seconds of the codes of one crop over a global batch, on one thread. */
@Command(
        name = "sinkhorn",
        mixinStandardHelpOptions = true,
        description = "Measures the CPU time of Sinkhorn over a whole global batch, on one thread.")
public final class SinkhornBench implements Callable<Integer> {
    private static final int GROUP = 64;
    private static final int REPEATS = 5;
    private static final double EPSILON = 0.05;

    /** One measurement, the median of several runs. */
    public record SinkhornCase(int batch, int prototypes, int iterations, double cpuSeconds) {}

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the figures to FILE, JSON.")
    private @Nullable Path json;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        List<SinkhornCase> cases = new ArrayList<>();
        TorchRuntime.start();
        TorchRuntime.setThreads(1);
        for (int[] size : new int[][] {{256, 3000, 3}, {1024, 3000, 3}, {4096, 3000, 3}, {4096, 3000, 10}}) {
            SinkhornCase measured = measure(size[0], size[1], size[2]);
            cases.add(measured);
            out.printf(
                    Locale.ROOT,
                    "batch %5d  prototypes %5d  iterations %2d  %.3f s CPU%n",
                    measured.batch(),
                    measured.prototypes(),
                    measured.iterations(),
                    measured.cpuSeconds());
            out.flush();
        }
        Optional<Path> file = Optional.ofNullable(json);
        if (file.isPresent()) {
            new ObjectMapper()
                    .writerWithDefaultPrettyPrinter()
                    .writeValue(file.get().toFile(), Map.of("cases", cases));
        }
        return 0;
    }

    private static SinkhornCase measure(int batch, int prototypes, int iterations) {
        try (NDManager manager = TorchRuntime.root()) {
            NDArray features = manager.randomNormal(new Shape(batch, 128)).normalize(2, 1);
            NDArray centres = manager.randomNormal(new Shape(prototypes, 128)).normalize(2, 1);
            List<List<NDArray>> scores = new ArrayList<>();
            for (int from = 0; from < batch; from += GROUP) {
                NDArray rows = TorchOps.rows(manager, features, from, from + GROUP);
                scores.add(List.of(TorchOps.linear(manager, Precision.FP32, rows, centres, Optional.empty())));
            }
            Sinkhorn sinkhorn = new Sinkhorn(EPSILON, iterations);
            double[] seconds = new double[REPEATS];
            for (int i = 0; i <= REPEATS; i++) {
                long before = cpuNanos();
                try (NDManager scope = manager.newSubManager()) {
                    sinkhorn.codes(scope, scores, new Alone());
                }
                if (i > 0) { // the first run warms up
                    seconds[i - 1] = (cpuNanos() - before) / 1e9;
                }
            }
            Arrays.sort(seconds);
            return new SinkhornCase(batch, prototypes, iterations, seconds[REPEATS / 2]);
        }
    }

    /** Returns the CPU time of the whole process: libtorch's threads and the JVM's own count too. */
    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    /** The reduction for a single process that holds all groups: it sums as mode Bitwise does. */
    private static final class Alone implements Sinkhorn.Reduction {
        @Override
        public void max(NDArray valuesAK) {}

        @Override
        public NDArray sum(List<NDArray> perGroupAK) {
            GroupRange[] all = {new GroupRange(0, perGroupAK.size())};
            GradientSum sum = GradientSum.inOneOrder(perGroupAK.size(), all[0]);
            perGroupAK.forEach(sum::add);
            return sum.total(new SoloCollective(), all);
        }
    }
}
