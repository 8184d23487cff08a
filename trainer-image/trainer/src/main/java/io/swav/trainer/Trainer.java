package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.UploadShare;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.GroupRange;
import io.swav.data.CropBatches;
import io.swav.data.DataException;
import io.swav.evaluation.Evaluation;
import io.swav.membership.Membership;
import io.swav.membership.WorldFormation;
import io.swav.membership.WorldSource;
import io.swav.model.StepResult;
import io.swav.model.TrainStep;
import io.swav.torch.TorchRuntime;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Trains through every change of the world: forms a world, steps in it until all ranks agree to leave it or a peer is
 * lost, then forms the next. The state in memory outlives all of this and only ever holds whole steps.
 */
public final class Trainer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);
    private static final long POLL_MILLIS = 200;
    private static final long FIRST_RETRY_MILLIS = 50;
    private static final long LAST_RETRY_MILLIS = 1000;
    /** How long forming a world waits for an answer from the store. */
    private static final long ANSWER_MILLIS = 2000;
    /** How long the last trainer to leave tries to save; the default grace period is 30 s. */
    private static final long SAVE_NANOS = 12_000_000_000L;

    /** How a run ended. */
    public enum TrainingEnd {
        Done,
        Left
    }

    /**
     * Settings that do not change while the process lives.
     *
     * @param uid of this pod
     * @param groups of the global batch
     * @param steps in the whole job
     * @param everySteps steps between checkpoints
     * @param every time between checkpoints, in addition to {@code everySteps}
     * @param job uid of the SwavJob, empty outside a cluster
     * @param startOver whether to start from zero if there are checkpoints and none is usable
     * @param minStepDuration how long a step takes at least
     * @param saveDeadline how long after SIGTERM this trainer saves and exits even if no world without it was
     *     published: before it is killed
     */
    public record TrainerConfig(
            String uid,
            int groups,
            int globalBatch,
            long steps,
            long everySteps,
            Optional<Duration> every,
            long seed,
            String configDigest,
            String job,
            boolean startOver,
            Duration minStepDuration,
            Duration saveDeadline) {}

    /**
     * The components that a trainer works with; the caller opens and closes them.
     *
     * @param evaluation of the finished model, done by rank 0
     */
    public record TrainerComponents(
            NDManager root,
            TrainStep machine,
            CropBatches batches,
            WorldSource worlds,
            WorldFormation forming,
            Optional<CheckpointCatalog> store,
            Optional<Evaluation> evaluation,
            TrainerProgress progress,
            TrainingJournal journal,
            TerminationNotice notice) {}

    private final TrainerConfig config;
    private final TrainerComponents components;
    private final TrainerProgress progress;
    private final TrainingJournal journal;
    private final LocalTrainingState state;
    private final CollectiveWatchdog watchdog;
    private final ConsoleProgress console;
    private final Optional<CheckpointWriter> writer;
    private final SaveSchedule schedule;
    private World last = World.none("");
    /** The last world that formed: its members hold the state. */
    private World formed = World.none("");
    /** The last paused generation whose state went to the store. */
    private long held;

    /** The answer to {@link #othersFinished}, or the pending question. */
    private CompletableFuture<Boolean> finished = CompletableFuture.completedFuture(false);

    private long retryMillis = FIRST_RETRY_MILLIS;
    private String lastFailure = "";

    public Trainer(TrainerConfig config, TrainerComponents components) {
        this.config = config;
        this.components = components;
        this.progress = components.progress();
        this.journal = components.journal();
        components.notice().onGiven(() -> {
            journalEvent(TrainingJournal.Event.notice, "SIGTERM");
            progress.leaving();
        });
        this.watchdog = new CollectiveWatchdog(components.worlds(), this::pastSaveDeadline);
        this.console = new ConsoleProgress(config.steps(), config.globalBatch(), ConsoleProgress.onTerminal());
        this.writer = components.store().map(store -> new CheckpointWriter(store, components.machine(), progress));
        this.state = new LocalTrainingState(
                components.machine(),
                components.store(),
                config,
                journal,
                writer,
                components.worlds()::checkpointsSeen);
        this.schedule = new SaveSchedule(config.everySteps(), config.every(), System.nanoTime());
    }

    /**
     * Runs until the job is done or this pod has left it.
     *
     * @throws TrainerExitException if the user has to change something
     */
    public TrainingEnd run() {
        while (true) {
            World newest = components.worlds().newest();
            Membership next =
                    Membership.next(newest, formed, components.notice().given(), config.uid());
            if (next instanceof Membership.Form form && !pastSaveDeadline()) {
                last = form.world();
                Optional<TrainingEnd> end = enter(form.world(), form.rank());
                if (end.isPresent()) {
                    return end.get();
                }
            } else if (next instanceof Membership.Hold hold && !pastSaveDeadline()) {
                hold(hold);
            } else if (next instanceof Membership.Wait wait) {
                progress.outside();
                progress.state(State.Ready, 0, wait.why());
                components.worlds().awaitLater(newest.generation(), POLL_MILLIS);
            } else {
                return next instanceof Membership.Leave leave
                        ? leave(leave.why(), leave.nobodyStays() ? holders() : 0)
                        : leave("SIGTERM received, and no world forms", 1);
            }
        }
    }

    /**
     * Holds the state in memory while the world is below its minimum size, and saves it once. A step that the store
     * already holds stays as it is.
     */
    private void hold(Membership.Hold hold) {
        World world = hold.world();
        boolean saves = hold.leads() && state.step() >= 0 && world.generation() > held;
        if (saves
                && writer.map(to -> to.begin(state.describe(world), "", UploadShare.ALONE))
                        .orElse(false)) {
            held = world.generation();
        }
        last = world;
        progress.outside();
        progress.state(State.Ready, 0, "holding: " + world.why());
        components.worlds().awaitLater(world.generation(), POLL_MILLIS);
    }

    /** Forms a world and trains in it. Returns empty if the next world is due or this one must be formed again. */
    private Optional<TrainingEnd> enter(World world, int rank) {
        MDC.put("generation", Long.toString(world.generation()));
        MDC.put("rank", Integer.toString(rank));
        progress.entering();
        progress.state(progress.state(), progress.generation(), forming(world));
        try (Collective collective = connect(world, rank)) {
            watchdog.sharing(collective, world);
            WorldFormation.share(collective, state);
            watchdog.training();
            long agreed = WorldFormation.together(
                    collective, components.worlds().newest().generation());
            formed = world;
            if (Membership.switches(world, agreed)) {
                return Optional.empty();
            }
            LOG.info(
                    "generation {} formed, {} ranks over {}, at step {}",
                    world.generation(),
                    world.size(),
                    collective.name(),
                    state.step());
            retryMillis = FIRST_RETRY_MILLIS;
            lastFailure = "";
            progress.formed(world.generation(), state.step(), collective.name());
            progress.state(State.Training, world.generation(), null);
            journalEvent(TrainingJournal.Event.formed, world.why());
            return steps(world, collective);
        } catch (CollectiveException e) {
            failed(world, e);
            if (othersFinished()) {
                return Optional.of(done("the other trainers finished"));
            }
            components.worlds().awaitLater(world.generation(), retryMillis);
            retryMillis = Math.min(2 * retryMillis, LAST_RETRY_MILLIS);
            return Optional.empty();
        } finally {
            watchdog.rest();
        }
    }

    /**
     * Returns whether the job ended without this member: it joined too late, or lost its peers in the last step or
     * after it. In any other case the peers cannot have finished, and the store is not asked. The store may be slow or
     * unreachable: an answer that takes too long is used by the next call.
     */
    private boolean othersFinished() {
        if (state.step() >= 0 && state.step() < config.steps() - 1) {
            return false;
        }
        if (finished.isDone() && !finished.join()) {
            finished = CompletableFuture.supplyAsync(() ->
                    components.store().map(store -> store.holds(config.steps())).orElse(false));
        }
        return finished.copy()
                .completeOnTimeout(false, ANSWER_MILLIS, TimeUnit.MILLISECONDS)
                .join();
    }

    private Collective connect(World world, int rank) {
        PeerWaitTracker awaiting = progress.awaiting();
        return awaiting.around(
                awaiting.during(() -> components.forming().connect(world, rank, this::pastSaveDeadline)));
    }

    private boolean pastSaveDeadline() {
        return components.notice().given(config.saveDeadline());
    }

    private void journalEvent(TrainingJournal.Event event, String why) {
        journal.event(event, progress.generation(), progress.step(), why);
    }

    private String forming(World world) {
        return "forming generation " + world.generation() + (lastFailure.isEmpty() ? "" : ": " + lastFailure);
    }

    /**
     * Reports a failure, and logs each reason once: while the operator is away, a trainer may retry the same world for
     * a long time.
     */
    private void failed(World world, CollectiveException e) {
        String why = String.valueOf(e.getMessage());
        String peer = e.lostRank().isPresent()
                ? world.members().get(e.lostRank().getAsInt()).uid()
                : null;
        if (progress.broke(peer)) {
            journalEvent(TrainingJournal.Event.dropped, why);
        }
        if (!why.equals(lastFailure)) {
            LOG.warn("generation {} ended at step {}: {}", world.generation(), state.step(), why);
        }
        lastFailure = why;
        progress.state(progress.state(), progress.generation(), why);
    }

    private Optional<TrainingEnd> steps(World world, Collective collective) {
        GroupRange[] runs = IntStream.range(0, collective.size())
                .mapToObj(rank -> GroupRange.of(config.groups(), rank, collective.size()))
                .toArray(GroupRange[]::new);
        GroupRange own = runs[collective.rank()];
        components.batches().expect(state.step(), own.from(), own.to());
        writer.ifPresent(to -> to.setLeader(collective.rank() == 0));
        while (state.step() < config.steps()) {
            StepVote agreed = step(world, runs, collective);
            if (agreed.save()) {
                save(world, collective);
            }
            if (Membership.switches(world, agreed.generation())) {
                return Optional.empty();
            }
            if (world.size() == 1 ? components.notice().given() : pastSaveDeadline()) {
                return Optional.of(leave("SIGTERM received", collective.rank() == 0 ? 1 : 0));
            }
        }
        finish(world, collective);
        if (collective.rank() == 0) {
            components.evaluation().ifPresent(this::evaluate);
        }
        return Optional.of(done("all " + config.steps() + " steps"));
    }

    /** This rank's vote for the next step. Only rank 0 knows when a checkpoint is due. */
    private StepVote vote(Collective collective) {
        long generation = components.worlds().newest().generation();
        long after = state.step() + 1;
        boolean due = collective.rank() == 0
                && after < config.steps() // finish() saves the last state
                && writer.filter(CheckpointWriter::free)
                        .filter(to -> schedule.due(after, to.committed(), System.nanoTime(), request(to)))
                        .isPresent();
        return new StepVote(generation, due);
    }

    /** The newest checkpoint request that is not yet answered, or empty. */
    private String request(CheckpointWriter by) {
        String newest = components.worlds().checkpointRequest();
        return newest.equals(by.answered()) ? "" : newest;
    }

    private void save(World world, Collective collective) {
        if (writer.isEmpty()) {
            return;
        }
        if (collective.rank() > 0) {
            help(world, collective.rank());
            return;
        }
        CheckpointWriter to = writer.get();
        String request = request(to);
        // the writer may have begun to retry a failed save since this save was agreed on; then this one stays due
        if (to.begin(state.describe(world), request, to.share(0, collective.size()))) {
            schedule.taken(state.step(), System.nanoTime(), request);
        }
    }

    private StepVote step(World world, GroupRange[] runs, Collective collective) {
        long step = state.step();
        MDC.put("step", Long.toString(step));
        progress.began();
        Instant begin = Instant.now();
        long start = System.nanoTime();
        TrainStep machine = components.machine();
        machine.lossAndGradients(
                (manager, group) -> components.batches().group(manager, step, group),
                runs,
                collective,
                step,
                vote(collective).number());
        StepResult outcome = machine.averageGradients();
        padStep(start);
        state.apply(); // no collective past this line
        watchdog.step(System.nanoTime() - start);
        progress.step(state.step(), outcome, components.batches().skipped());
        int rank = collective.rank();
        journal.step(
                step,
                world.generation(),
                rank,
                collective.size(),
                begin,
                outcome.loss(),
                components.batches(),
                runs[rank]);
        console.step(state.step(), outcome, collective.size());
        return StepVote.of(outcome.agreed());
    }

    private void padStep(long start) {
        long end = start + config.minStepDuration().toNanos();
        for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    /**
     * Saves the last state on rank 0. No rank leaves before that is done, so that another rank can save if rank 0 dies
     * meanwhile.
     */
    private void finish(World world, Collective collective) {
        watchdog.training();
        if (collective.rank() == 0) {
            progress.outside(); // a long save is not a hang
            saveNow(
                    world,
                    true,
                    collective.size(),
                    () -> components.worlds().newest().generation() > world.generation() || pastSaveDeadline());
        } else {
            help(world, collective.rank());
        }
        try (NDManager manager = TorchRuntime.host()) {
            NDArray all = manager.zeros(new Shape(collective.size()), DataType.INT64);
            collective.allGather(manager.create(new long[] {state.step()}), all);
        }
    }

    /** Evaluates the model after the other ranks have left and the state is saved: only a figure can be lost. */
    private void evaluate(Evaluation evaluation) {
        progress.state(progress.state(), progress.generation(), "evaluating on spec.data.evalUri");
        try {
            double top1 = evaluation.quickKnn(components.machine().network(), components.notice()::given);
            progress.knn(top1);
            LOG.info("kNN top-1 on spec.data.evalUri: {} %", String.format(Locale.ROOT, "%.2f", top1));
        } catch (CancellationException stopped) {
            LOG.warn("no kNN figure: SIGTERM arrived before it was ready; the operator sends it two minutes after"
                    + " the other trainers have ended. To get the figure, run swav eval knn");
        } catch (DataException e) {
            LOG.warn("no kNN figure: {}", e.getMessage());
        } catch (RuntimeException e) { // from libtorch, for example out of memory
            LOG.warn("no kNN figure, the evaluation failed. To get it, run swav eval knn", e);
        }
    }

    private void help(World world, int rank) {
        if (state.step() >= 0) {
            writer.ifPresent(to -> to.help(state.describe(world), to.share(rank, world.size())));
        }
    }

    /**
     * Saves the current state and waits for it.
     *
     * @param ranks that save, the others with {@link #help}
     * @param giveUp asked while saving fails
     * @throws CollectiveException if the state is not saved
     */
    private void saveNow(World world, boolean atTheEnd, int ranks, BooleanSupplier giveUp) {
        if (writer.isEmpty() || state.step() < 0) {
            return;
        }
        CheckpointWriter to = writer.get();
        if (!to.saveNow(state.describe(world), atTheEnd, to.share(0, ranks), giveUp)) {
            throw new CollectiveException("step " + state.step() + " was not saved: " + to.problem());
        }
        LOG.info("saved step {}", state.step());
    }

    private TrainingEnd done(String why) {
        LOG.info("done: {}", why);
        journalEvent(TrainingJournal.Event.done, why);
        progress.outside();
        progress.state(State.Done, progress.generation(), null);
        return TrainingEnd.Done;
    }

    /**
     * The number of state holders: the first ranks of the last world, which may not have formed with the ranks that
     * joined.
     */
    private int holders() {
        return (int) last.members().stream()
                .filter(member -> formed.rankOf(member.uid()).isPresent())
                .count();
    }

    /**
     * Leaves the job, and saves the state first if no other trainer keeps it.
     *
     * @param ranks that leave at once and save the state together; 0 if other trainers keep it
     */
    private TrainingEnd leave(String why, int ranks) {
        LOG.info("leaving: {}", why);
        watchdog.rest();
        if (ranks > 0 && writer.isPresent() && state.step() >= 0) {
            keep(last.rankOf(config.uid()).orElseThrow(), ranks);
        }
        journalEvent(TrainingJournal.Event.left, why);
        progress.outside();
        progress.state(progress.state(), progress.generation(), "leaving: " + why);
        return TrainingEnd.Left;
    }

    /**
     * Saves the state if this is the lowest rank that still answers. A higher rank detects that, and does not write at
     * the same time.
     */
    private void keep(int rank, int ranks) {
        if (rank > 0 && components.forming().answersBelow(last, rank)) {
            if (ranks > 1) {
                help(last, rank);
            }
            return;
        }
        long start = System.nanoTime();
        try {
            saveNow(last, false, rank == 0 ? ranks : 1, () -> System.nanoTime() - start > SAVE_NANOS);
        } catch (CollectiveException notSaved) {
            LOG.warn("{}", notSaved.getMessage());
        }
    }

    /** Waits for a checkpoint that is being written. */
    @Override
    public void close() {
        watchdog.close();
        console.close();
        writer.ifPresent(CheckpointWriter::close);
    }
}
