package io.swav.trainer;

import io.swav.data.BenchCropsCommand;
import io.swav.model.SinkhornBench;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bench}: the parent of the measurements. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = "Measures parts of the trainer on this machine.",
        subcommands = {
            StepBench.class,
            CheckpointBench.class,
            SinkhornBench.class,
            BenchCropsCommand.class,
            AllReduceBench.class,
            OverlapBench.class
        })
public final class BenchCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return 2;
    }
}
