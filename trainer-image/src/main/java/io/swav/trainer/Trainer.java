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
 * Trains through every change of the world: form a world, step in it until all agree to leave it or a peer is lost,
 * form the next. The state in memory outlives all of that, and only whole steps are ever in it.
 */
public final class Trainer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);
    private static final long POLL_MILLIS = 200;
    private static final long FIRST_RETRY_MILLIS = 50;
    private static final long LAST_RETRY_MILLIS = 1000;
    /** How long forming is put off for an answer of the store. */
    private static final long ANSWER_MILLIS = 2000;
    /** How long the last one to leave tries to save; a grace period is 30 s by default. */
    private static final long SAVE_NANOS = 12_000_000_000L;

    /** How a run ended. */
    public enum End {
        Done,
        Left
    }

    /**
     * What does not change while the process lives.
     *
     * @param uid of this pod
     * @param groups of the global batch
     * @param steps in the whole job
     * @param everySteps between checkpoints
     * @param every between checkpoints, beside the steps
     * @param job uid of the SwavJob, empty outside a cluster
     * @param startOver whether to start from zero where there are checkpoints and none is usable
     * @param minStepDuration how long a step takes at least
     * @param late how long after it was told to go this trainer goes although no world without it comes: before it is killed
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
            Duration late) {}

    /**
     * What a trainer works with; opened and closed by the caller.
     *
     * @param evaluation of the finished model, by rank 0
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

    private final TrainerConfig plan;
    private final TrainerComponents parts;
    private final TrainerProgress progress;
    private final TrainingJournal journal;
    private final LocalTrainingState state;
    private final CollectiveWatchdog watchdog;
    private final ConsoleProgress console;
    private final Optional<CheckpointWriter> writer;
    private final SaveSchedule schedule;
    private World last = World.none("");
    /** The last that formed: its members hold the state. */
    private World formed = World.none("");
    /** The last generation that held and whose state went to the store. */
    private long held;

    /** The answer to {@link #othersFinished}, or the question. */
    private CompletableFuture<Boolean> finished = CompletableFuture.completedFuture(false);

    private long retryMillis = FIRST_RETRY_MILLIS;
    private String lastFailure = "";

    public Trainer(TrainerConfig plan, TrainerComponents parts) {
        this.plan = plan;
        this.parts = parts;
        this.progress = parts.progress();
        this.journal = parts.journal();
        parts.notice().onGiven(() -> {
            tell(TrainingJournal.Event.notice, "SIGTERM");
            progress.leaving();
        });
        this.watchdog = new CollectiveWatchdog(parts.worlds(), this::late);
        this.console = new ConsoleProgress(plan.steps(), plan.globalBatch(), ConsoleProgress.onTerminal());
        this.writer = parts.store().map(store -> new CheckpointWriter(store, parts.machine(), progress));
        this.state = new LocalTrainingState(
                parts.machine(), parts.store(), plan, journal, writer, parts.worlds()::checkpointsSeen);
        this.schedule = new SaveSchedule(plan.everySteps(), plan.every(), System.nanoTime());
    }

    /**
     * Runs until the job is done or this pod has left it.
     *
     * @throws TrainerExitException when the user has to change something
     */
    public End run() {
        while (true) {
            World newest = parts.worlds().newest();
            Membership next = Membership.next(newest, formed, parts.notice().given(), plan.uid());
            if (next instanceof Membership.Form form && !late()) {
                last = form.world();
                Optional<End> end = enter(form.world(), form.rank());
                if (end.isPresent()) {
                    return end.get();
                }
            } else if (next instanceof Membership.Hold hold && !late()) {
                hold(hold);
            } else if (next instanceof Membership.Wait wait) {
                progress.outside();
                progress.state(State.Ready, 0, wait.why());
                parts.worlds().awaitLater(newest.generation(), POLL_MILLIS);
            } else {
                return next instanceof Membership.Leave leave
                        ? leave(leave.why(), leave.nobodyStays() ? holders() : 0)
                        : leave("told to go, and no world forms", 1);
            }
        }
    }

    /** Below the minimum: the state waits in memory, and once in the store; a step that is there already stays as it is. */
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
        parts.worlds().awaitLater(world.generation(), POLL_MILLIS);
    }

    /** Forms a world and trains in it; empty when the next one is due, or this one is to be tried again. */
    private Optional<End> enter(World world, int rank) {
        MDC.put("generation", Long.toString(world.generation()));
        MDC.put("rank", Integer.toString(rank));
        progress.entering();
        progress.state(progress.state(), progress.generation(), forming(world));
        try (Collective collective = connect(world, rank)) {
            watchdog.sharing(collective, world);
            WorldFormation.share(collective, state);
            watchdog.training();
            long agreed =
                    WorldFormation.together(collective, parts.worlds().newest().generation());
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
            tell(TrainingJournal.Event.formed, world.why());
            return steps(world, collective);
        } catch (CollectiveException e) {
            failed(world, e);
            if (othersFinished()) {
                return Optional.of(done("the others finished"));
            }
            parts.worlds().awaitLater(world.generation(), retryMillis);
            retryMillis = Math.min(2 * retryMillis, LAST_RETRY_MILLIS);
            return Optional.empty();
        } finally {
            watchdog.rest();
        }
    }

    /**
     * Whether the job ended without this member: it came too late, or lost its peers in the last step or after it.
     * Otherwise they cannot have, and the store is not asked. It may be slow or away: an answer that does not come soon is
     * taken when this is asked again.
     */
    private boolean othersFinished() {
        if (state.step() >= 0 && state.step() < plan.steps() - 1) {
            return false;
        }
        if (finished.isDone() && !finished.join()) {
            finished = CompletableFuture.supplyAsync(
                    () -> parts.store().map(store -> store.holds(plan.steps())).orElse(false));
        }
        return finished.copy()
                .completeOnTimeout(false, ANSWER_MILLIS, TimeUnit.MILLISECONDS)
                .join();
    }

    private Collective connect(World world, int rank) {
        PeerWaitTracker awaiting = progress.awaiting();
        return awaiting.around(awaiting.during(() -> parts.forming().connect(world, rank, this::late)));
    }

    private boolean late() {
        return parts.notice().given(plan.late());
    }

    private void tell(TrainingJournal.Event event, String why) {
        journal.event(event, progress.generation(), progress.step(), why);
    }

    private String forming(World world) {
        return "forming generation " + world.generation() + (lastFailure.isEmpty() ? "" : ": " + lastFailure);
    }

    /** Told once: while an operator is away, a trainer may try the same world again for a long time. */
    private void failed(World world, CollectiveException e) {
        String why = String.valueOf(e.getMessage());
        String peer = e.lostRank().isPresent()
                ? world.members().get(e.lostRank().getAsInt()).uid()
                : null;
        if (progress.broke(peer)) {
            tell(TrainingJournal.Event.dropped, why);
        }
        if (!why.equals(lastFailure)) {
            LOG.warn("generation {} ended at step {}: {}", world.generation(), state.step(), why);
        }
        lastFailure = why;
        progress.state(progress.state(), progress.generation(), why);
    }

    private Optional<End> steps(World world, Collective collective) {
        GroupRange[] runs = IntStream.range(0, collective.size())
                .mapToObj(rank -> GroupRange.of(plan.groups(), rank, collective.size()))
                .toArray(GroupRange[]::new);
        GroupRange own = runs[collective.rank()];
        parts.batches().expect(state.step(), own.from(), own.to());
        writer.ifPresent(to -> to.lead(collective.rank() == 0));
        while (state.step() < plan.steps()) {
            StepVote agreed = step(world, runs, collective);
            if (agreed.save()) {
                save(world, collective);
            }
            if (Membership.switches(world, agreed.generation())) {
                return Optional.empty();
            }
            if (world.size() == 1 ? parts.notice().given() : late()) {
                return Optional.of(leave("told to go", collective.rank() == 0 ? 1 : 0));
            }
        }
        finish(world, collective);
        if (collective.rank() == 0) {
            parts.evaluation().ifPresent(this::evaluate);
        }
        return Optional.of(done("all " + plan.steps() + " steps"));
    }

    /** What this rank says with the next step: rank 0 alone knows when a checkpoint is due. */
    private StepVote word(Collective collective) {
        long generation = parts.worlds().newest().generation();
        long after = state.step() + 1;
        boolean due = collective.rank() == 0
                && after < plan.steps() // the last state is saved by finish
                && writer.filter(CheckpointWriter::free)
                        .filter(to -> schedule.due(after, to.committed(), System.nanoTime(), request(to)))
                        .isPresent();
        return new StepVote(generation, due);
    }

    /** Empty when there is none, or it is answered. */
    private String request(CheckpointWriter by) {
        String newest = parts.worlds().checkpointRequest();
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
        // the last save, which failed, may be tried again since this one was agreed on; then it stays due
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
        TrainStep machine = parts.machine();
        machine.lossAndGradients(
                (manager, group) -> parts.batches().group(manager, step, group),
                runs,
                collective,
                step,
                word(collective).number());
        TrainStep.Outcome outcome = machine.averageGradients(collective);
        padStep(start);
        state.apply(); // no collective past this line
        watchdog.step(System.nanoTime() - start);
        progress.step(state.step(), outcome, parts.batches().skipped());
        int rank = collective.rank();
        journal.step(
                step, world.generation(), rank, collective.size(), begin, outcome.loss(), parts.batches(), runs[rank]);
        console.step(state.step(), outcome, collective.size());
        return StepVote.of(outcome.agreed());
    }

    private void padStep(long start) {
        long end = start + plan.minStepDuration().toNanos();
        for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    /** Rank 0 saves; nobody goes before that is done, so that any other can do it if rank 0 dies of it. */
    private void finish(World world, Collective collective) {
        watchdog.training();
        if (collective.rank() == 0) {
            progress.outside(); // a long save is no hang
            saveNow(
                    world,
                    true,
                    collective.size(),
                    () -> parts.worlds().newest().generation() > world.generation() || late());
        } else {
            help(world, collective.rank());
        }
        try (NDManager manager = TorchRuntime.host()) {
            NDArray all = manager.zeros(new Shape(collective.size()), DataType.INT64);
            collective.allGather(manager.create(new long[] {state.step()}), all);
        }
    }

    /** The others have gone, and the state is saved: a figure is all that can be lost. */
    private void evaluate(Evaluation evaluation) {
        progress.state(progress.state(), progress.generation(), "evaluating on spec.data.evalUri");
        try {
            double top1 = parts.machine().evaluate(evaluation, parts.notice()::given);
            progress.knn(top1);
            LOG.info("kNN top-1 on spec.data.evalUri: {} %", String.format(Locale.ROOT, "%.2f", top1));
        } catch (CancellationException told) {
            LOG.warn("no kNN: told to go before it was ready, as the operator does two minutes after the other"
                    + " trainers have ended; swav eval knn makes up for it");
        } catch (DataException e) {
            LOG.warn("no kNN: {}", e.getMessage());
        } catch (RuntimeException e) { // libtorch's, as where memory does not suffice
            LOG.warn("no kNN; swav eval knn makes up for it", e);
        }
    }

    private void help(World world, int rank) {
        if (state.step() >= 0) {
            writer.ifPresent(to -> to.help(state.describe(world), to.share(rank, world.size())));
        }
    }

    /**
     * @param ranks that save, the others by {@link #help}
     * @param giveUp asked while saving fails
     * @throws CollectiveException when it is not saved
     */
    private void saveNow(World world, boolean atTheEnd, int ranks, BooleanSupplier giveUp) {
        if (writer.isEmpty() || state.step() < 0) {
            return;
        }
        CheckpointWriter to = writer.get();
        if (!to.saveNow(state.describe(world), atTheEnd, to.share(0, ranks), giveUp)) {
            throw new CollectiveException("step " + state.step() + " is not saved: " + to.problem());
        }
        LOG.info("saved step {}", state.step());
    }

    private End done(String why) {
        LOG.info("done: {}", why);
        tell(TrainingJournal.Event.done, why);
        progress.outside();
        progress.state(State.Done, progress.generation(), null);
        return End.Done;
    }

    /** The first ranks of the last world; it may not have formed with those that joined. */
    private int holders() {
        return (int) last.members().stream()
                .filter(member -> formed.rankOf(member.uid()).isPresent())
                .count();
    }

    /** @param ranks that go at once and save the state together; 0 when others keep it */
    private End leave(String why, int ranks) {
        LOG.info("leaving: {}", why);
        watchdog.rest();
        if (ranks > 0 && writer.isPresent() && state.step() >= 0) {
            keep(last.rankOf(plan.uid()).orElseThrow(), ranks);
        }
        tell(TrainingJournal.Event.left, why);
        progress.outside();
        progress.state(progress.state(), progress.generation(), "leaving: " + why);
        return End.Left;
    }

    /** The lowest rank that is there saves the state: a higher one knows of it, and does not write beside it. */
    private void keep(int rank, int ranks) {
        if (rank > 0 && parts.forming().answersBelow(last, rank)) {
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
