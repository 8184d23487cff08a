package io.swav.trainer;

import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;
import io.swav.checkpoint.CheckpointCommand;
import io.swav.common.Version;
import io.swav.data.DataCommand;
import io.swav.evaluation.EvalCommand;
import io.swav.evaluation.ExportCommand;
import io.swav.evaluation.FeaturesCommand;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;

/** The command line of the trainer image. */
@Command(
        name = "swav-trainer",
        description = "SwAV pretraining in a world of processes that may change.",
        mixinStandardHelpOptions = true,
        subcommands = {
            TrainCommand.class,
            DataCommand.class,
            EvalCommand.class,
            FeaturesCommand.class,
            ExportCommand.class,
            ImportCommand.class,
            CheckpointCommand.class,
            DoctorCommand.class,
            HelpCommand.class
        })
public final class Main {
    /**
     * JVM options of a trainer process. Most of a trainer's memory belongs to libtorch, so the heap stays small: the
     * default young generation would touch 100 MB before its first collection.
     */
    public static final List<String> JVM_OPTIONS = List.of("-XX:+UseSerialGC", "-Xms48m", "-Xmn12m");

    /**
     * Environment variables of a trainer process. Waiting OpenMP threads sleep, because pods share nodes, and arrays
     * lie in huge pages if the kernel grants them on request.
     */
    public static final Map<String, String> ENVIRONMENT =
            Map.of("OMP_WAIT_POLICY", "PASSIVE", "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

    private static final Logger LOG = LoggerFactory.getLogger(Main.class);

    private Main() {}

    public static void main(String[] arguments) {
        Thread.setDefaultUncaughtExceptionHandler((thread, failure) ->
                LOG.error("thread {} has ended, and what it did is not done any more", thread.getName(), failure));
        System.exit(Version.of(new CommandLine(new Main()))
                .setExecutionExceptionHandler(Main::explain)
                .execute(arguments));
    }

    /**
     * Prints one sentence and returns an exit code for a failure that the user can fix. Any other failure is rethrown
     * with its stack trace.
     */
    public static int explain(Exception failure, CommandLine command, CommandLine.ParseResult parsed) throws Exception {
        int code;
        String message = String.valueOf(failure.getMessage());
        if (failure instanceof TrainerExitException exit) {
            code = exit.exitCode();
        } else if (failure instanceof NoSuchFileException) {
            code = ExitCodes.NO_INPUT;
            message = "there is no " + message;
        } else if (failure instanceof FileSystemException) {
            code = ExitCodes.CANNOT_WRITE;
        } else {
            throw failure;
        }
        command.getErr().println("swav " + command.getCommandName() + ": " + message);
        return code;
    }
}
