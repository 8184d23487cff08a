package io.swav.trainer;

import io.swav.api.ExitCodes;
import io.swav.api.InvalidSpecException;
import io.swav.checkpoint.CheckpointCommand;
import io.swav.conformance.GoldenCommand;
import io.swav.data.DataCommand;
import io.swav.data.DataException;
import io.swav.evaluation.EvalCommand;
import io.swav.evaluation.ExportCommand;
import io.swav.numerics.UnsoundMachineException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Map;
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
            ImportCommand.class,
            CheckpointCommand.class,
            GoldenCommand.class,
            BenchCommand.class,
            DoctorCommand.class,
            HelpCommand.class
        })
public final class Main {
    /**
     * For the JVM of a trainer, whose memory is libtorch's: the default young generation would touch 100 MB before its
     * first collection.
     */
    public static final List<String> JVM_OPTIONS = List.of("-XX:+UseSerialGC", "-Xms48m", "-Xmn12m");

    /**
     * Of a trainer's process. OpenMP's threads sleep while they wait, as pods share nodes, and arrays lie in huge pages
     * where the kernel gives them to who asks.
     */
    public static final Map<String, String> ENVIRONMENT =
            Map.of("OMP_WAIT_POLICY", "PASSIVE", "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

    private Main() {}

    public static void main(String[] arguments) {
        System.exit(Version.of(new CommandLine(new Main()))
                .setExecutionExceptionHandler(Main::explain)
                .execute(arguments));
    }

    /** A sentence and an exit code for what the user can mend; everything else is thrown again, with its trace. */
    public static int explain(Exception failure, CommandLine command, CommandLine.ParseResult parsed) throws Exception {
        int code;
        String words = String.valueOf(failure.getMessage());
        if (failure instanceof TrainerExitException fatal) {
            code = fatal.exitCode();
        } else if (failure instanceof DataException data) {
            code = data.exitCode();
        } else if (failure instanceof InvalidSpecException || failure instanceof UnsoundMachineException) {
            code = ExitCodes.CONFIG;
        } else if (failure instanceof NoSuchFileException) {
            code = ExitCodes.NO_INPUT;
            words = "there is no " + words;
        } else if (failure instanceof FileSystemException) {
            code = ExitCodes.CANNOT_WRITE;
        } else {
            throw failure;
        }
        command.getErr().println("swav " + command.getCommandName() + ": " + words);
        return code;
    }
}
