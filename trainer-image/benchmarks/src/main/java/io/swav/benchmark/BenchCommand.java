package io.swav.benchmark;

import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bench}: the parent of the measurements. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures parts of the product on this machine.",
        subcommands = {
            StepBench.class,
            CheckpointBench.class,
            SinkhornBench.class,
            BenchCropsCommand.class,
            IndexBench.class,
            AllReduceBench.class,
            OverlapBench.class,
            EvaluationBench.class
        })
public final class BenchCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    /** Entry point of a process that runs only benchmarks, such as a child of {@link StepBench}. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new BenchCommand()).execute(arguments));
    }

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return 2;
    }
}
