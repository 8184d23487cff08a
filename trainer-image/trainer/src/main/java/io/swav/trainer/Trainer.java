package io.swav.trainer;

import io.swav.api.JournalEvent;
import io.swav.api.TrainerExitException;
import io.swav.api.TrainerReport;
import io.swav.api.TrainerReport.State;
import io.swav.api.World;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.GroupRange;
import io.swav.membership.ChangeStages;
import io.swav.membership.DisagreementException;
import io.swav.membership.Divergences;
import io.swav.membership.Membership;
import io.swav.membership.RankExchange;
import io.swav.membership.WorldFormation;
import io.swav.model.StepResult;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
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

    /** How a run ended. */
    public enum TrainingEnd {
        Done,
        Left
    }

    private final TrainerConfig config;
    private final TrainerComponents components;
    private final TrainingSchedule schedule;
    private final TrainerProgress progress;
    private final TrainingJournal journal;
    private final LocalTrainingState state;
    private final CollectiveWatchdog watchdog;
    private final ConsoleProgress console;
    private final HistoryWriter history;
    private final CheckpointSession checkpoints;
    private final FollowedSettings settings;
    private final EpochSets sets;
    private final FiniteSteps finite;
    private final FailedAttempts failures;
    /** The last world with this pod as a member. */
    private World last = World.none("");
    /** The last world that formed: its members hold the state. */
    private World formed = World.none("");

    /** Whether the members of the present world must hold equal states, bit for bit. */
    private boolean comparesStates;

    /** The present change of the world, from the end of the last step to that of the first one after it. */
    private final ChangeStages stages = new ChangeStages();
    /** Whether no step has been made in the present world. */
    private boolean changed;

    public Trainer(TrainerConfig config, TrainerComponents components) {
        this.config = config;
        this.components = components;
        this.schedule = components.schedule();
        this.progress = components.progress();
        this.journal = components.journal();
        components.notice().onGiven(() -> {
            journalEvent(JournalEvent.NOTICE, "SIGTERM");
            progress.leaving();
        });
        this.console = ConsoleProgress.of(config, components);
        this.history = new HistoryWriter(components.store().map(CheckpointCatalog::history), components.learning());
        Optional<CheckpointWriter> writer =
                components.store().map(store -> new CheckpointWriter(store, components.machine(), progress));
        this.state = new LocalTrainingState(
                components.machine(),
                components.store(),
                config,
                schedule,
                components.batches(),
                journal,
                writer,
                components.worlds()::checkpointsSeen,
                progress::fingerprints);
        this.checkpoints = new CheckpointSession(config, components, state, writer);
        this.sets = new EpochSets(components, state);
        this.settings = new FollowedSettings(config.settings(), checkpoints, components.batches());
        // its thread asks for the save deadline, which the settings have
        this.watchdog = new CollectiveWatchdog(components.worlds(), this::pastSaveDeadline);
        this.finite = new FiniteSteps(config, components, state, writer);
        this.failures = new FailedAttempts(progress, journal);
    }

    /**
     * Reserves the memory that saving and the next crops need; to be called when the machine has warmed up.
     *
     * @throws TrainerExitException naming the limit to raise
     */
    public void reserveMemory() {
        MemoryReservation.make(checkpoints.buffers(), components);
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
                        ? leave(
                                leave.why(),
                                leave.allHoldersLeave() ? holders() : 0,
                                newest.members().isEmpty())
                        : leave(
                                "SIGTERM received, and no world forms",
                                1,
                                last.members().size() == 1);
            }
        }
    }

    /** Holds the state in memory while the world is below its minimum size. */
    private void hold(Membership.Hold hold) {
        World world = hold.world();
        checkpoints.hold(world, hold.leads());
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
        progress.state(progress.state(), progress.generation(), failures.forming(world));
        stages.end("wait");
        try (Collective collective = connect(world, rank)) {
            stages.end("connect");
            return train(world, collective);
        } catch (CollectiveException | CheckpointUnavailableException | DisagreementException e) {
            failures.failed(world, state.step(), e);
            if (checkpoints.othersFinished(world)) {
                return Optional.of(done("the other trainers finished"));
            }
            components.worlds().awaitLater(world.generation(), failures.nextPauseMillis());
            return Optional.empty();
        } finally {
            watchdog.rest();
        }
    }

    private Optional<TrainingEnd> train(World world, Collective collective) {
        while (form(world, collective)) {
            try {
                return steps(world, collective);
            } catch (StateDroppedException e) {
                progress.outside(); // reading a checkpoint is not a hang
                progress.state(progress.state(), progress.generation(), e.getMessage());
            }
        }
        return Optional.empty();
    }

    private Collective connect(World world, int rank) {
        PeerWaitTracker awaiting = progress.awaiting();
        return awaiting.around(
                awaiting.during(() -> components.forming().connect(world, rank, this::pastSaveDeadline)));
    }

    /** Gives all ranks the same state. Returns false if they agree to leave this world at once for a later one. */
    private boolean form(World world, Collective collective) {
        watchdog.sharing(collective, world);
        WorldFormation.Shared shared = WorldFormation.shareState(world, collective, state, stages);
        comparesStates = shared.computesAlike();
        shared.divergence().ifPresent(this::diverged);
        progress.entering();
        watchdog.training();
        // none begins a step in a world that another abandons for a later one while the state is still being sent
        long agreed =
                RankExchange.least(collective, components.worlds().newest().generation());
        stages.end("barrier");
        formed = world;
        if (Membership.switches(world, agreed)) {
            return false;
        }
        settings.take(world, state.step());
        LOG.info(
                "generation {} formed, {} ranks over {}, at step {}",
                world.generation(),
                world.size(),
                collective.name(),
                state.step());
        failures.end();
        components.forming().formed();
        progress.formed(world.generation(), state.step(), collective.name());
        finite.formed(world);
        progress.state(State.Training, world.generation(), null);
        journalEvent(JournalEvent.FORMED, world.why());
        changed = true;
        return true;
    }

    private void diverged(TrainerReport.Divergence what) {
        String why = String.join(", ", what.pods()) + ": " + what.why();
        LOG.warn("diverged: {}", why);
        progress.diverged(what);
        journalEvent(JournalEvent.DIVERGED, why);
    }

    private Optional<TrainingEnd> steps(World world, Collective collective) {
        int rank = collective.rank();
        GroupRange[] runs = IntStream.range(0, collective.size())
                .mapToObj(each -> GroupRange.of(config.groups(), each, collective.size()))
                .toArray(GroupRange[]::new);
        GroupRange mine = runs[rank];
        components.batches().expect(state.step(), mine.from(), mine.to());
        checkpoints.enter(rank);
        history.enter(rank == 0, world.generation(), state.step());
        sets.enter(rank);
        while (state.step() < schedule.steps()) {
            if (sets.decide(collective)) {
                components.batches().expect(state.step(), mine.from(), mine.to());
            }
            StepVote agreed = step(world, runs, collective);
            if (agreed.save()) {
                requireEqualStates(collective);
                checkpoints.save(world, rank);
            }
            if (Membership.switches(world, agreed.generation())) {
                return Optional.empty();
            }
            if (world.size() == 1 ? components.notice().given() : pastSaveDeadline()) {
                return Optional.of(leave("SIGTERM received", rank == 0 ? 1 : 0, world.size() == 1));
            }
        }
        requireEqualStates(collective);
        finite.checkLast(world, collective);
        finish(world, collective);
        if (rank == 0) {
            components.evaluation().ifPresent(evaluation -> FinalFigure.report(evaluation, components));
        }
        return Optional.of(done("all " + schedule.steps() + " steps"));
    }

    /** Compares the states before they are saved, so that no checkpoint holds one that differs from the others. */
    private void requireEqualStates(Collective collective) {
        if (comparesStates && collective.size() > 1) {
            WorldFormation.requireEqualStates(collective, state);
        }
    }

    private StepVote step(World world, GroupRange[] runs, Collective collective) {
        long step = state.step();
        MDC.put("step", Long.toString(step));
        progress.began();
        Instant begin = Instant.now();
        long start = System.nanoTime();
        StepResult outcome =
                finite.compute(world, runs, collective, vote(collective.rank()).number());
        if (comparesStates && outcome.diverged()) {
            throw new CollectiveException(Divergences.found(step));
        }
        padStep(start);
        state.apply(); // no collective past this line
        watchdog.step(System.nanoTime() - start);
        stepped(world);
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
        history.record(schedule, state.step(), outcome, collective.size(), finite.waited())
                .ifPresent(console::findings);
        return StepVote.of(outcome.agreed());
    }

    /** Reports the change of the world that this step was the first after. */
    private void stepped(World world) {
        if (changed) {
            stages.end("first step");
            LOG.info("generation {} has made its first step, in seconds: {}", world.generation(), stages.describe());
            journal.regrouped(world.generation(), state.step(), stages.all());
        }
        changed = false;
        stages.begin();
    }

    private StepVote vote(int rank) {
        return new StepVote(components.worlds().newest().generation(), checkpoints.due(rank));
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
        }
        checkpoints.finish(
                world,
                collective.rank(),
                () -> components.worlds().newest().generation() > world.generation() || pastSaveDeadline());
        RankExchange.barrier(collective);
    }

    private TrainingEnd done(String why) {
        LOG.info("done: {}", why);
        journalEvent(JournalEvent.DONE, why);
        progress.outside();
        progress.state(State.Done, progress.generation(), null);
        return TrainingEnd.Done;
    }

    /**
     * Returns the number of state holders: the first ranks of the last world, which may not have formed with the ranks
     * that joined.
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
     * @param alone whether no other trainer of the job continues, with this state or another
     */
    private TrainingEnd leave(String why, int ranks, boolean alone) {
        LOG.info("leaving: {}", why);
        watchdog.rest();
        if (ranks > 0) {
            checkpoints.leave(last, ranks, alone);
        }
        journalEvent(JournalEvent.LEFT, why);
        progress.outside();
        progress.state(progress.state(), progress.generation(), "leaving: " + why);
        return TrainingEnd.Left;
    }

    private boolean pastSaveDeadline() {
        return components.notice().given(settings.saveDeadline());
    }

    private void journalEvent(JournalEvent event, String why) {
        journal.event(event, progress.generation(), progress.step(), why);
    }

    /** Waits for a checkpoint that is being written. */
    @Override
    public void close() {
        watchdog.close();
        console.close();
        history.close();
        checkpoints.close();
    }
}
