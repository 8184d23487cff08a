package io.swav.trainer;

import ai.djl.ndarray.NDManager;
import io.swav.api.CheckpointSpec;
import io.swav.api.ExitCodes;
import io.swav.api.PeerAddress;
import io.swav.api.ResourceNames;
import io.swav.api.SettingsDoubts;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerExitException;
import io.swav.api.TrainerReport.State;
import io.swav.api.TrainingSettings;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.Store;
import io.swav.checkpoint.StoreFactory;
import io.swav.checkpoint.StoreLease;
import io.swav.checkpoint.Training;
import io.swav.collective.PeerListener;
import io.swav.collective.nccl.CollectiveBackend;
import io.swav.collective.nccl.CollectiveFactory;
import io.swav.data.CropBatches;
import io.swav.data.IndexHome;
import io.swav.evaluation.QuickKnn;
import io.swav.learning.LearningContext;
import io.swav.learning.LearningMonitor;
import io.swav.membership.ReachTracker;
import io.swav.membership.WorldFormation;
import io.swav.model.TrainStep;
import io.swav.numerics.UnsoundMachineException;
import io.swav.s3.S3Service;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Trains as a member of a SwavJob in its pod, or without a cluster if {@code --config} is given. */
@Command(
        name = "train",
        description = {
            "Trains SwAV.",
            "Without options: trains in this pod, as a member of its SwavJob's world.",
            "With --config: trains without a cluster, alone or in the world that --world names."
        },
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:the job is done",
            "65:the data is damaged",
            "66:the data is missing",
            "69:the port is in use",
            "70:a fault of this program, or data could not be read for a while",
            "73:checkpoints cannot be written",
            "78:the configuration is wrong, or this machine computes wrong",
            "79:a step is NaN or infinite, also when it is tried again and resumed from a checkpoint",
            "143:left on notice before the job was done"
        })
public final class TrainCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(TrainCommand.class);
    private static final Duration FORMING = Duration.ofSeconds(10);

    @Option(names = "--config", paramLabel = "FILE", description = "SwavJob or its spec, YAML or JSON.")
    @Nullable
    Path config;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder for checkpoints and the exported backbone (default: checkpoint.uri).")
    @Nullable
    Path out;

    @Option(
            names = "--world",
            paramLabel = "FILE",
            description = "With --config: the world document to follow, JSON. Peers authenticate with the key in "
                    + TrainerEnv.HANDSHAKE + "; this process is " + TrainerEnv.POD + ", " + TrainerEnv.POD_UID + ".")
    @Nullable
    Path world;

    @Option(names = "--report", paramLabel = "FILE", description = "File that holds the newest progress report, JSON.")
    @Nullable
    Path report;

    @Option(
            names = "--journal",
            paramLabel = "DIR",
            description = "Folder for a journal, <pod>.jsonl: every step with its samples, every change of the world."
                    + " Default: " + TrainerEnv.JOURNAL + ", or none.")
    @Nullable
    Path journal;

    @Option(
            names = "--collective",
            paramLabel = "Auto|Nccl|Tcp",
            description = "How gradients are summed between trainers: ${COMPLETION-CANDIDATES}. Auto uses NCCL if there"
                    + " is libnccl.so.2 and a GPU that libtorch computes on, TCP otherwise. Default: "
                    + TrainerEnv.COLLECTIVE + ", or Auto.")
    CollectiveBackend.@Nullable Preference collective;

    private final TrainingFactory factory;
    private final Map<String, String> variables;

    /** Creates the command as users run it. */
    public TrainCommand() {
        this(new SwavTrainingFactory(), System.getenv());
    }

    public TrainCommand(TrainingFactory factory, Map<String, String> variables) {
        this.factory = factory;
        this.variables = variables;
    }

    @Override
    public Integer call() {
        TerminationNotice notice = TerminationNotice.onSigterm();
        int code = ExitCodes.SOFTWARE;
        try {
            code = run(notice);
        } catch (TrainerExitException e) {
            code = e.exitCode();
            System.err.println("swav: " + e.getMessage());
        } finally {
            notice.finish(code);
        }
        return code;
    }

    private int run(TerminationNotice notice) {
        if (config == null && (world != null || out != null)) {
            throw new TrainerExitException(ExitCodes.CONFIG, "--world and --out go with --config FILE");
        }
        TrainerEnvironment env =
                config == null ? TrainerEnvironment.ofPod(variables) : TrainerEnvironment.of(variables);
        MDC.put("job", env.job());
        try (ControlPlane outside = config == null
                ? ControlPlane.cluster(env)
                : ControlPlane.files(env, Optional.ofNullable(world), Optional.ofNullable(report))) {
            TrainerProgress progress = new TrainerProgress(env.pod(), env.podUid(), outside.worlds());
            try (ProgressReporter reporter =
                    new ProgressReporter(progress, outside.sink(), () -> touchReady(env.runDirectory()))) {
                LOG.debug("reporting by {}", reporter);
                return train(env, outside, progress, notice);
            }
        }
    }

    private int train(
            TrainerEnvironment env, ControlPlane outside, TrainerProgress progress, TerminationNotice notice) {
        try {
            SwavJobSpec spec = SpecLoader.load(configFile(env));
            // takes a second or two, in which the data is opened
            CompletableFuture<String> kernels = CompletableFuture.supplyAsync(() -> factory.checkKernels(spec));
            try {
                return train(spec, kernels, env, outside, progress, notice);
            } finally {
                kernels.exceptionally(failed -> "").join(); // a process that exits while it loads a library may crash
            }
        } catch (RuntimeException | Error e) {
            TrainerExitException exit = explained(e);
            State end = exit instanceof UnsoundMachineException ? State.Unfit : State.Failed;
            progress.state(end, progress.generation(), exit.getMessage());
            throw exit;
        }
    }

    private int train(
            SwavJobSpec spec,
            CompletableFuture<String> kernels,
            TrainerEnvironment env,
            ControlPlane outside,
            TrainerProgress progress,
            TerminationNotice notice) {
        Optional<CheckpointCatalog> store = store(spec, env);
        Optional<QuickKnn> evaluation = evaluation(spec);
        try (TrainingJournal journalOut = journal(env);
                PeerListener listener = PeerPort.open(config != null && world == null, env);
                CropBatches batches = factory.batches(spec, indexHomes(store, env));
                NDManager root = TorchRuntime.root();
                CollectiveFactory transport = transport(env);
                ReachTracker reach = new ReachTracker(listener, outside.worlds(), progress::reachChanged)) {
            progress.reach(reach::report);
            progress.listening(new PeerAddress(env.podIp(), listener.port()).toString());
            TrainingSchedule schedule = new TrainingSchedule(spec, batches.ledger());
            TrainerConfig settings = TrainerConfig.of(spec, env);
            outside.worlds().limit(settings.groups());
            progress.job(settings.globalBatch(), spec.replicas(), schedule);
            LearningMonitor learning = new LearningMonitor(steps -> LearningContext.of(spec, steps), schedule.steps());
            progress.learning(learning);
            SettingsDoubts.of(spec, OptionalLong.of(schedule.steps())).forEach(doubt -> LOG.warn("{}", doubt));
            progress.data(batches.inventory().reported().with(null, batches.notUsed()));
            store.ifPresent(catalog -> catalog.classes(batches.classNames()));
            try (TrainStep machine = machine(spec, env, kernels, root, schedule);
                    Trainer trainer = new Trainer(
                            settings,
                            new TrainerComponents(
                                    machine,
                                    schedule,
                                    batches,
                                    outside.worlds(),
                                    new WorldFormation(listener, transport, outside.worlds(), reach, FORMING),
                                    store,
                                    evaluation,
                                    learning,
                                    progress,
                                    journalOut,
                                    notice,
                                    env.faults()))) {
                String firstStep = machine.warmUp((manager, group) -> batches.group(manager, 0, group));
                progress.fingerprints(OwnFingerprints.of(spec, batches.fingerprint(), kernels.join(), firstStep));
                trainer.reserveMemory();
                progress.state(State.Ready, 0, "ready");
                return trainer.run() == Trainer.TrainingEnd.Done ? ExitCodes.OK : ExitCodes.PREEMPTED;
            }
        }
    }

    /** Waits for the kernel check and rethrows its failure. */
    private static void sound(CompletableFuture<String> kernels) {
        try {
            kernels.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** Looks for the evaluation set before training: missing images are reported after seconds, not after days. */
    private static Optional<QuickKnn> evaluation(SwavJobSpec spec) {
        return Optional.ofNullable(spec.data().evalUri()).map(test -> QuickKnn.of(spec, test));
    }

    private CollectiveFactory transport(TrainerEnvironment env) {
        try {
            CollectiveBackend choice =
                    CollectiveBackend.make(collective != null ? collective : env.collective(), variables);
            LOG.info("collectives: {}", choice.why());
            return new CollectiveFactory(choice.nccl());
        } catch (IllegalArgumentException e) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG,
                    e.getMessage() + "; fix that, or let the trainer choose (--collective or " + TrainerEnv.COLLECTIVE
                            + "=Auto)",
                    e);
        }
    }

    private Path configFile(TrainerEnvironment env) {
        Path file =
                config != null ? config : env.configDirectory().orElseThrow().resolve(ResourceNames.CONFIG_KEY);
        if (!Files.isRegularFile(file)) {
            throw new TrainerExitException(
                    ExitCodes.CONFIG,
                    "there is no configuration file " + file + ": check the path given with --config");
        }
        return file;
    }

    private TrainingJournal journal(TrainerEnvironment env) {
        Optional<Path> folder = journal != null ? Optional.of(journal) : env.journal();
        return folder.map(in -> TrainingJournal.in(in, env.pod())).orElseGet(TrainingJournal::none);
    }

    private Optional<CheckpointCatalog> store(SwavJobSpec spec, TrainerEnvironment env) {
        Optional<CheckpointSpec> checkpoint = Optional.ofNullable(spec.checkpoint());
        Optional<String> uri = out != null ? Optional.of(out.toString()) : checkpoint.map(CheckpointSpec::uri);
        if (uri.isEmpty()) {
            LOG.warn("there is no checkpoint.uri: the weights are kept nowhere and are lost when training ends; set"
                    + " spec.checkpoint.uri, or give --out DIR with --config");
            return Optional.empty();
        }
        int keep = checkpoint.map(CheckpointSpec::keep).orElse(3);
        CheckpointCatalog.Owner owner = new CheckpointCatalog.Owner(
                env.jobUid(), ConfigDigest.of(spec), spec.recovery().startOver(), TrainingSettings.of(spec));
        try {
            Store store = StoreFactory.open(uri.get(), S3Service.of(checkpoint.map(CheckpointSpec::s3)));
            store.prepare();
            CheckpointCatalog catalog = new CheckpointCatalog(
                    store, owner, keep, new StoreLease(store, training(env), factory.leaseTiming()));
            if (config != null) {
                catalog.lease().ifPresent(TrainCommand::requireNoOther);
            }
            return Optional.of(catalog);
        } catch (IllegalArgumentException e) {
            throw new TrainerExitException(ExitCodes.CONFIG, "spec.checkpoint: " + e.getMessage(), e);
        } catch (IOException e) {
            throw new TrainerExitException(
                    ExitCodes.CANNOT_WRITE,
                    "cannot write checkpoints to " + uri.get() + " (" + e
                            + "): check that spec.checkpoint.uri is a mounted volume that this user may write to",
                    e);
        }
    }

    private static List<IndexHome> indexHomes(Optional<CheckpointCatalog> store, TrainerEnvironment env) {
        return store
                .<IndexHome>map(catalog -> new StoreIndexHome(catalog.store(), env.pod() + " " + env.podUid()))
                .stream()
                .toList();
    }

    private Training training(TrainerEnvironment env) {
        if (!env.jobUid().isEmpty()) {
            return Training.ofJob(env.jobUid(), env.namespace(), env.job());
        }
        return world != null
                ? Training.ofWorld(world.toAbsolutePath().normalize().toString())
                : Training.ofThisProcess("swav train");
    }

    /**
     * Ends a second command in one place before it opens its data. A trainer that has to wait for another one's end, or for
     * a store that is away, does so when it has reported itself; so does every pod, whose start waits for no service.
     */
    private static void requireNoOther(StoreLease lease) {
        try {
            if (lease.claim() instanceof StoreLease.Claim.Refused refused) {
                throw new TrainerExitException(ExitCodes.CONFIG, refused.why());
            }
        } catch (IOException e) {
            LOG.debug("claimed again before training begins", e);
        }
    }

    private TrainStep machine(
            SwavJobSpec spec,
            TrainerEnvironment env,
            CompletableFuture<String> kernels,
            NDManager root,
            TrainingSchedule schedule) {
        try {
            sound(kernels);
            return BitFlip.around(factory.machine(spec, root, schedule), env);
        } catch (IllegalArgumentException e) {
            throw new TrainerExitException(ExitCodes.CONFIG, "spec: " + e.getMessage(), e);
        }
    }

    /** Creates the file that the readiness probe looks for. */
    private static void touchReady(Optional<Path> runDirectory) {
        if (runDirectory.isEmpty()) {
            return;
        }
        Path file = runDirectory.get().resolve(ResourceNames.READY_FILE);
        try {
            Files.createDirectories(runDirectory.get());
            Files.writeString(file, "");
        } catch (IOException e) {
            LOG.error("cannot write {}, this pod will not become ready: {}", file, e.toString());
        }
    }

    private static TrainerExitException explained(Throwable e) {
        if (e instanceof TrainerExitException exit) {
            return exit;
        }
        LOG.error("training failed", e);
        return new TrainerExitException(ExitCodes.SOFTWARE, "training failed: " + MemoryLimits.describe(e), e);
    }
}
