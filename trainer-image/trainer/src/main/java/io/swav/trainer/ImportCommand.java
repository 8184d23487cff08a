package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.ExitCodes;
import io.swav.api.Shown;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerExitException;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.Store;
import io.swav.checkpoint.StoreLease;
import io.swav.checkpoint.StoreLease.Claim;
import io.swav.checkpoint.StoreOptions;
import io.swav.checkpoint.Training;
import io.swav.checkpoint.pytorch.ForeignWeights;
import io.swav.model.Learner;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code swav import}: writes weights that PyTorch trained as the checkpoint of step 0, from which a job starts. */
@Command(
        name = "import",
        mixinStandardHelpOptions = true,
        description = {
            "Converts weights that PyTorch trained to the checkpoint of step 0 of a job.",
            "FILE is what torch.save wrote (.pth, .pth.tar, .pt: a state dict, alone or in a checkpoint, in zip or legacy"
                    + " form), or safetensors. None of its code is run: a file that needs some is refused.",
            "Names are torchvision's; prefixes such as module., backbone. and encoder_q. are found. The whole backbone"
                    + " must be there and fit the job. A projection head and prototypes with SwAV's names are used if they"
                    + " fit. What is left out, such as the classifier and the optimizer, is named and counted. Tensors"
                    + " that the file lacks keep their seeded values."
        })
public final class ImportCommand implements Callable<Integer> {
    private static final long POLL_NANOS = TimeUnit.SECONDS.toNanos(1);

    @Parameters(paramLabel = "FILE", description = "The weights.")
    private Path file = Path.of("");

    @Option(
            names = "--config",
            paramLabel = "FILE",
            required = true,
            description = "SwavJob or its spec, YAML or JSON.")
    private Path config = Path.of("");

    @Option(
            names = "--out",
            paramLabel = "URI",
            description = "Where to write it (default: checkpoint.uri of the job).")
    private @Nullable String out;

    @Option(
            names = "--key",
            paramLabel = "KEY",
            description =
                    "Where the state dict is in a checkpoint, for example teacher or model.backbone (default: looked"
                            + " for under the usual keys).")
    private @Nullable String key;

    @Option(
            names = "--prefix",
            paramLabel = "PREFIX",
            description = "What stands before conv1.weight, for example module.encoder_q. (default: looked for).")
    private @Nullable String prefix;

    @Mixin
    private StoreOptions options = new StoreOptions();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
        SwavJobSpec job = SpecLoader.load(config);
        String uri = out != null ? out : job.checkpoint().uri();
        if (uri == null) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG, "the job has no checkpoint.uri: set it, or give --out URI");
        }
        ForeignWeights given = read();
        Store place = options.open(uri);
        StoreLease lease = new StoreLease(place, Training.ofThisProcess("swav import"), StoreLease.Timing.STANDARD);
        TorchRuntime.start();
        try (NDManager root = TorchRuntime.root();
                Learner learner = new Learner(job, step -> 0, step -> 0, root); // takes no step
                CheckpointCatalog store = new CheckpointCatalog(
                        place,
                        new CheckpointCatalog.Owner("", ConfigDigest.of(job)),
                        job.checkpoint().keep(),
                        lease)) {
            ImportedTensors taken = take(given, learner.model());
            CheckpointState start = new CheckpointState(
                    0,
                    0,
                    job.training().seed(),
                    ConfigDigest.of(job),
                    1,
                    "",
                    0,
                    Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
            save(store, uri, new HostSnapshot(learner.model(), learner.optimizer()).copied(start));
            report(given, taken, store.uri());
            return ExitCodes.OK;
        } catch (CheckpointException e) {
            throw new TrainerExitException(ExitCodes.CANNOT_WRITE, String.valueOf(e.getMessage()), e);
        } catch (IllegalArgumentException e) {
            throw new TrainerExitException(ExitCodes.CONFIG, String.valueOf(e.getMessage()), e);
        }
    }

    /** Saves while the store is this command's. */
    private void save(CheckpointCatalog to, String uri, Checkpoint checkpoint) throws CheckpointException {
        StoreKeeper keeper = new StoreKeeper(to.lease(), why -> {}); // the save says it, too
        try {
            own(keeper, uri);
            to.save(checkpoint);
        } finally {
            keeper.close(true);
        }
    }

    /** Waits until no other training can be using the store. */
    private void own(StoreKeeper keeper, String uri) {
        String printed = "";
        for (Claim claim = claim(keeper, uri); claim.obstacle().isPresent(); claim = claim(keeper, uri)) {
            String why = claim.obstacle().get();
            if (claim instanceof Claim.Refused) {
                throw new TrainerExitException(ExitCodes.CONFIG, why);
            }
            if (!why.equals(printed)) {
                printed = why;
                spec.commandLine().getErr().println("swav: waiting, because " + why);
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    private static Claim claim(StoreKeeper keeper, String uri) {
        try {
            return keeper.claim();
        } catch (IOException e) {
            throw new TrainerExitException(
                    ExitCodes.CANNOT_WRITE, "cannot write to " + uri + ": " + MemoryLimits.describe(e), e);
        }
    }

    private ForeignWeights read() {
        try {
            return ForeignWeights.read(file, Optional.ofNullable(key), Optional.ofNullable(prefix));
        } catch (IOException e) {
            boolean there = Files.exists(file);
            throw new TrainerExitException(
                    there ? ExitCodes.BAD_DATA : ExitCodes.NO_INPUT,
                    "cannot read weights " + file + ": " + (there ? e.getMessage() : "there is no such file"),
                    e);
        }
    }

    private ImportedTensors take(ForeignWeights given, Map<String, NDArray> model) {
        try {
            return ImportedTensors.copy(given.tensors(), model, file.toString());
        } catch (IllegalArgumentException e) {
            throw new TrainerExitException(
                    ExitCodes.BAD_DATA,
                    e.getMessage() + "; is it a network of the job's model.architecture and model.stem?",
                    e);
        }
    }

    private void report(ForeignWeights given, ImportedTensors taken, String uri) {
        PrintWriter to = spec.commandLine().getOut();
        String origin = given.origin().isEmpty() ? "" : " (" + Shown.of(given.origin()) + ")";
        to.println(taken.count() + " tensors of " + file + origin + " are step 0 of the job, in " + uri);
        taken.notes().forEach(to::println);
        if (!given.leftOut().isEmpty()) {
            to.println("left out: " + String.join(", ", given.leftOut()));
        }
    }
}
