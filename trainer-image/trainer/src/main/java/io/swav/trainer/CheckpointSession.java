package io.swav.trainer;

import io.swav.api.LiveSettings;
import io.swav.api.World;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.UploadShare;
import io.swav.membership.WorldFormation;
import io.swav.membership.WorldSource;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides what is saved when, and by which rank: a step when a checkpoint is due, the state of a paused job, the last
 * step, and the state of a trainer that leaves if no other trainer keeps it. A job without a store saves nothing.
 * Methods are called by the training thread, and only {@link #finish} and {@link #leave} wait for the store.
 */
final class CheckpointSession implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointSession.class);
    /** How long {@link #othersFinished} waits for an answer from the store. */
    private static final long ANSWER_MILLIS = 2000;
    /** How long the last trainer to leave tries to save; the default grace period is 30 s. */
    private static final long LAST_SAVE_NANOS = TimeUnit.SECONDS.toNanos(12);

    private final TrainerConfig config;
    private final WorldSource worlds;
    private final WorldFormation forming;
    private final Optional<CheckpointCatalog> store;
    private final Optional<CheckpointWriter> writer;
    private final LocalTrainingState state;
    private final SaveSchedule schedule;
    private final TrainingSchedule length;
    /** The last paused generation whose state went to the store. */
    private long held;
    /** The answer to {@link #othersFinished}, or the pending question. */
    private CompletableFuture<Boolean> finished = CompletableFuture.completedFuture(false);

    CheckpointSession(
            TrainerConfig config,
            TrainerComponents components,
            LocalTrainingState state,
            Optional<CheckpointWriter> writer) {
        this.config = config;
        this.worlds = components.worlds();
        this.forming = components.forming();
        this.store = components.store();
        this.writer = writer;
        this.state = state;
        this.schedule = new SaveSchedule(config.settings(), System.nanoTime());
        this.length = components.schedule();
    }

    /** Returns the copy that saves are made from; empty without a store. */
    Optional<SaveBuffers> buffers() {
        return writer.map(CheckpointWriter::buffers);
    }

    /** Saves as these settings say, from now on. */
    void follow(LiveSettings settings) {
        schedule.follow(settings);
        store.ifPresent(catalog -> catalog.keep(settings.keep()));
    }

    /** Starts a world in which this trainer has this rank. */
    void enter(int rank) {
        schedule.continuesAt(state.step());
        writer.ifPresent(to -> to.setLeader(rank == 0));
    }

    /** Returns whether the state after the next step should be saved. Only rank 0 knows. */
    boolean due(int rank) {
        long after = state.step() + 1;
        return rank == 0
                && after < length.steps() // finish() saves the last state
                && writer.filter(by -> due(after, by.state())).isPresent();
    }

    private boolean due(long after, WriterState now) {
        return now.free()
                && (now.missed(System.nanoTime())
                        || schedule.due(after, now.store().committed(), System.nanoTime(), request(now.store())));
    }

    /** Returns the newest checkpoint request that is not yet answered, or empty. */
    private String request(StoreStatus known) {
        String newest = worlds.checkpointRequest();
        return newest.equals(known.answered()) ? "" : newest;
    }

    /** Starts to save the state, which all ranks agreed on. The ranks may share the work. */
    void save(World world, int rank) {
        if (rank > 0) {
            help(world, rank);
        } else {
            writer.ifPresent(to -> save(world, to));
        }
    }

    private void save(World world, CheckpointWriter to) {
        String request = request(to.status());
        // the writer may have begun to retry a failed save since this save was agreed on; then this one stays due
        if (to.begin(state.describe(world), request, share(to, 0, world.size()))) {
            schedule.taken(state.step(), System.nanoTime(), request);
        }
    }

    /** Returns a rank's share of a save, if several ranks at once save faster than one. */
    private UploadShare share(CheckpointWriter of, int rank, int ranks) {
        boolean shared = store.filter(in -> in.shares(of.buffers().bytes())).isPresent();
        return shared ? new UploadShare(rank, ranks) : UploadShare.ALONE;
    }

    private void help(World world, int rank) {
        if (state.step() >= 0) {
            writer.ifPresent(to -> to.help(state.describe(world), share(to, rank, world.size())));
        }
    }

    /**
     * Saves the state of a paused world once. A step that the store already holds stays as it is.
     *
     * @param leads whether this trainer is the one that saves
     */
    void hold(World world, boolean leads) {
        writer.ifPresent(to -> to.setLeader(leads));
        boolean missed =
                writer.filter(to -> to.state().missed(System.nanoTime())).isPresent();
        boolean saves = leads && state.step() >= 0 && (missed || world.generation() > held);
        if (saves
                && writer.map(to -> to.begin(state.describe(world), "", UploadShare.ALONE))
                        .orElse(false)) {
            held = world.generation();
        }
    }

    /**
     * Saves the last state and waits for it on rank 0; the other ranks begin to write their shares.
     *
     * @param giveUp polled while saving fails
     * @throws CheckpointUnavailableException if the state is not saved
     */
    void finish(World world, int rank, BooleanSupplier giveUp) {
        if (rank == 0) {
            saveNow(world, true, world.size(), giveUp);
            writer.ifPresent(CheckpointWriter::ends);
        } else {
            help(world, rank);
        }
    }

    /**
     * Saves the state before this trainer leaves, if this is the lowest rank that still answers. A higher rank detects
     * that, and does not write at the same time. A failure is logged.
     *
     * @param last world that this trainer was a member of
     * @param ranks that leave at once and save the state together
     * @param alone whether no other trainer of the job is left, so that another training may use the store at once
     */
    void leave(World last, int ranks, boolean alone) {
        if (writer.isEmpty() || state.step() < 0) {
            return;
        }
        int rank = last.rankOf(config.uid()).orElseThrow();
        if (rank == 0 || !answersBelow(last, rank)) {
            keep(last, rank == 0 ? ranks : 1, alone);
        } else if (ranks > 1) {
            help(last, rank);
        }
    }

    /** If the peers cannot be asked, this rank saves: two ranks that save one step do no harm. */
    private boolean answersBelow(World last, int rank) {
        try {
            return forming.answersBelow(last, rank);
        } catch (RuntimeException | Error e) { // for example, no thread can be started
            LOG.warn("cannot ask whether a lower rank saves, so this one does", e);
            return false;
        }
    }

    private void keep(World last, int ranks, boolean alone) {
        long start = System.nanoTime();
        try {
            saveNow(last, false, ranks, () -> System.nanoTime() - start > LAST_SAVE_NANOS);
            if (alone) {
                writer.ifPresent(CheckpointWriter::ends);
            }
        } catch (CheckpointUnavailableException notSaved) {
            LOG.warn("{}", notSaved.getMessage());
        }
    }

    /**
     * Saves the current state and waits for it.
     *
     * @param ranks that save, the others with {@link #help}
     */
    private void saveNow(World world, boolean atTheEnd, int ranks, BooleanSupplier giveUp) {
        if (writer.isEmpty() || state.step() < 0) {
            return;
        }
        CheckpointWriter to = writer.get();
        if (!to.saveNow(state.describe(world), atTheEnd, share(to, 0, ranks), giveUp)) {
            throw new CheckpointUnavailableException(
                    "step " + state.step() + " was not saved: " + to.status().why());
        }
        LOG.info("saved step {}", state.step());
    }

    /**
     * Returns whether the job ended without this member: it joined too late, or lost its peers in the last step or
     * after it. In any other case the peers cannot have finished, and the store is not asked. The store may be slow or
     * unreachable: an answer that takes too long is used by the next call.
     *
     * @param world that did not form, or broke
     */
    boolean othersFinished(World world) {
        long steps = length.stepsFollowing(world);
        if (state.step() >= 0 && state.step() < steps - 1) {
            return false;
        }
        if (finished.isDone() && !finished.join()) {
            finished = CompletableFuture.supplyAsync(
                            () -> store.map(in -> in.holds(steps)).orElse(false))
                    .exceptionally(failure -> {
                        LOG.warn("cannot ask {} whether the job has ended", store.map(CheckpointCatalog::uri), failure);
                        return false;
                    });
        }
        return finished.copy()
                .completeOnTimeout(false, ANSWER_MILLIS, TimeUnit.MILLISECONDS)
                .join();
    }

    /** Waits for a checkpoint that is being written. */
    @Override
    public void close() {
        writer.ifPresent(CheckpointWriter::close);
    }
}
