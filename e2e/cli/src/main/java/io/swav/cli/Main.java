package io.swav.cli;

import io.swav.benchmark.BenchCommand;
import io.swav.chaos.StormCommand;
import io.swav.common.Version;
import io.swav.conformance.GoldenCommand;
import io.swav.local.LocalClusterException;
import io.swav.local.NodeCommand;
import io.swav.operatorbench.OperatorBench;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The command line {@code ./swav}: the local cluster, the quickstart, storms, and every command of the trainer. */
@Command(
        name = "swav",
        description = "SwAV Operator: elastic SwAV pretraining on Kubernetes, and all of it on one machine.",
        mixinStandardHelpOptions = true,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "./swav test builds everything and runs every test.",
            "./swav images builds the container images, ./swav release --dry-run all artifacts of a release.",
            "./swav help COMMAND shows the options of a command."
        },
        subcommands = {
            QuickstartCommand.class,
            StormCommand.class,
            ClusterCommands.Up.class,
            ClusterCommands.Down.class,
            ClusterCommands.Status.class,
            ClusterCommands.Logs.class,
            RecipesCommand.class,
            SetupCommand.class,
            NodeCommand.class,
            HelpCommand.class
        })
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        CommandLine swav = new CommandLine(new Main());
        Command trainer = io.swav.trainer.Main.class.getAnnotation(Command.class);
        Arrays.stream(trainer.subcommands())
                .filter(command -> command != HelpCommand.class)
                .forEach(swav::addSubcommand);
        swav.addSubcommand(GoldenCommand.class);
        swav.addSubcommand(new CommandLine(new BenchCommand()).addSubcommand(OperatorBench.class));
        swav.setExecutionExceptionHandler((failure, command, parsed) -> {
            if (failure instanceof LocalClusterException) {
                command.getErr().println("swav " + command.getCommandName() + ": " + failure.getMessage());
                return CommandLine.ExitCode.SOFTWARE;
            }
            return io.swav.trainer.Main.explain(failure, command, parsed);
        });
        return Version.of(swav);
    }
}
