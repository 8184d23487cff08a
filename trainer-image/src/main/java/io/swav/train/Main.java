package io.swav.train;

import io.swav.data.DataCommand;
import io.swav.eval.EvalCommand;
import io.swav.eval.ExportCommand;
import io.swav.golden.GoldenCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** Command line of the trainer image. */
@Command(
        name = "swav-trainer",
        description = "SwAV pretraining in a world of processes that may change.",
        mixinStandardHelpOptions = true,
        subcommands = {
            TrainCommand.class,
            DataCommand.class,
            EvalCommand.class,
            ExportCommand.class,
            GoldenCommand.class,
            BenchCommand.class,
            HelpCommand.class
        })
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Main()).execute(arguments));
    }
}
