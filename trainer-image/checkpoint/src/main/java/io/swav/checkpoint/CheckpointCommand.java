package io.swav.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code swav checkpoint}: inspects a store. */
@Command(
        name = "checkpoint",
        mixinStandardHelpOptions = true,
        description = "Lists, verifies and shows the checkpoints of a store.",
        subcommands = {
            CheckpointCommand.Ls.class,
            CheckpointCommand.Verify.class,
            CheckpointCommand.ShowCheckpoints.class
        })
public final class CheckpointCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return 2;
    }

    /** The options of all subcommands. */
    abstract static class OfStore implements Callable<Integer> {
        @Parameters(
                paramLabel = "URI",
                description = "checkpoint.uri of the job: file:///folder, s3://bucket/prefix or a folder.")
        private String uri = "";

        @Option(names = "--step", description = "Only the checkpoint of this step.")
        private @Nullable Long step;

        @Mixin
        private StoreOptions options = new StoreOptions();

        @Spec
        private CommandSpec spec = CommandSpec.create();

        private final boolean verify;

        /** @param verify whether to read the checkpoints in full */
        OfStore(boolean verify) {
            this.verify = verify;
        }

        /** Prints the checkpoints and returns the exit code. */
        abstract int look(CheckpointCatalog checkpoints, List<CheckpointCatalog.CatalogEntry> entries, PrintWriter out)
                throws IOException;

        @Override
        public Integer call() {
            try (CheckpointCatalog checkpoints =
                    new CheckpointCatalog(options.open(uri), new CheckpointCatalog.Owner("", ""), 1)) {
                List<CheckpointCatalog.CatalogEntry> entries = checkpoints.catalogue(verify).stream()
                        .filter(entry -> step == null || entry.state().step() == step)
                        .toList();
                if (entries.isEmpty()) {
                    System.err.println("swav: " + checkpoints.uri() + " holds no checkpoint"
                            + (step == null ? "" : " of step " + step));
                    return ExitCodes.NO_INPUT;
                }
                PrintWriter out = spec.commandLine().getOut();
                int code = look(checkpoints, entries, out);
                out.flush();
                return code;
            } catch (IllegalArgumentException e) {
                System.err.println("swav: " + e.getMessage());
                return ExitCodes.CONFIG;
            } catch (IOException e) {
                System.err.println("swav: cannot read " + uri + ": " + e.getMessage());
                return ExitCodes.NO_INPUT;
            }
        }
    }

    private static void line(PrintWriter out, CheckpointCatalog.CatalogEntry entry, String verdict) {
        CheckpointState state = entry.state();
        out.printf(
                Locale.ROOT,
                "step-%-8d %-20s %,15d samples %4d ranks %9.1f MB  %-12.12s %s%n",
                state.step(),
                state.time(),
                state.samples(),
                state.worldSize(),
                entry.bytes() / 1e6,
                entry.digest(),
                verdict);
    }

    /** {@code ls}: lists checkpoints. */
    @Command(
            name = "ls",
            mixinStandardHelpOptions = true,
            description = "Lists checkpoints, newest first, without verifying them.")
    static final class Ls extends OfStore {
        Ls() {
            super(false);
        }

        @Override
        int look(CheckpointCatalog checkpoints, List<CheckpointCatalog.CatalogEntry> entries, PrintWriter out) {
            entries.forEach(entry -> line(out, entry, entry.problem().orElse("")));
            return ExitCodes.OK;
        }
    }

    /** {@code verify}: verifies checkpoints. */
    @Command(
            name = "verify",
            mixinStandardHelpOptions = true,
            description =
                    "Reads checkpoints in full and checks every byte against its manifest; exits with 65 if damaged.")
    static final class Verify extends OfStore {
        Verify() {
            super(true);
        }

        @Override
        int look(CheckpointCatalog checkpoints, List<CheckpointCatalog.CatalogEntry> entries, PrintWriter out) {
            entries.forEach(entry -> line(
                    out, entry, entry.verified() ? "verified" : entry.problem().orElse("")));
            return entries.stream().allMatch(CheckpointCatalog.CatalogEntry::verified)
                    ? ExitCodes.OK
                    : ExitCodes.BAD_DATA;
        }
    }

    /** {@code show}: shows the contents of a checkpoint. */
    @Command(
            name = "show",
            mixinStandardHelpOptions = true,
            description = "Shows the contents of a checkpoint, by default the newest.")
    static final class ShowCheckpoints extends OfStore {
        ShowCheckpoints() {
            super(false);
        }

        @Override
        int look(CheckpointCatalog checkpoints, List<CheckpointCatalog.CatalogEntry> entries, PrintWriter out)
                throws IOException {
            Checkpoint checkpoint;
            long step = entries.get(0).state().step();
            try {
                checkpoint = checkpoints.load(step);
            } catch (CorruptCheckpointException e) {
                System.err.println("swav: step-" + step + " " + e.getMessage());
                return ExitCodes.BAD_DATA;
            }
            out.println(new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(checkpoint.state()));
            tensors(out, CheckpointFiles.MODEL, checkpoint.model());
            tensors(out, CheckpointFiles.OPTIMIZER, checkpoint.optimizer());
            return ExitCodes.OK;
        }

        private static void tensors(PrintWriter out, String file, Map<String, HostTensor> tensors) {
            out.println(file);
            tensors.forEach((name, tensor) -> out.printf("  %-50s %s%n", name, tensor));
        }
    }
}
