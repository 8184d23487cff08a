package io.swav.trainer;

import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.StoreLease;
import io.swav.checkpoint.UploadShare;
import io.swav.model.TrainStep;
import io.swav.trainer.StoreStatus.StoreProblem;
import io.swav.trainer.StoreStatus.Trouble;
import io.swav.trainer.WriterState.Phase;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves while training continues. {@link #begin} returns at once; the copy is made while the next step computes, and
 * {@link #beforeChange} waits for the rest of it. A save that fails is reported and retried with growing pauses until
 * it succeeds or a newer state replaces it: a full disk in the middle of a run is not a reason to stop training. Whatever
 * is thrown counts as such a failure, errors of the JVM included.
 *
 * <p>One thread does all of this, and its {@link WriterState.Phase} says what it does. It is given a task only when it
 * has none, so a copy, for which training waits, never queues behind a call of the store. A thread that waits for the end
 * of a phase ends it itself if its task has gone.
 */
public final class CheckpointWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long LAST_PAUSE_MILLIS = 30_000;
    private static final long POLL_MILLIS = 200;
    private static final String AND_THEN = "; training continues and the next save tries again";

    private final CheckpointCatalog store;
    private final TrainerProgress progress;
    private final SaveBuffers buffers;
    private final long firstPauseMillis;
    private final SaveThread thread = new SaveThread();
    private final StoreKeeper keeper;

    private WriterState state = WriterState.START;
    /** Before a state is copied again after a copy that failed. */
    private final GrowingPause copyPause;
    /** Whether the last save was the last of the training. */
    private boolean ended;

    public CheckpointWriter(CheckpointCatalog store, TrainStep machine, TrainerProgress progress) {
        this(store, new SaveBuffers(machine, HostSnapshot::copy), progress, FIRST_PAUSE_MILLIS);
    }

    /** @param firstPauseMillis pause before a failed save is tried again; the next ones are longer */
    CheckpointWriter(CheckpointCatalog store, SaveBuffers buffers, TrainerProgress progress, long firstPauseMillis) {
        this.store = store;
        this.buffers = buffers;
        this.progress = progress;
        this.firstPauseMillis = firstPauseMillis;
        this.copyPause = new GrowingPause(firstPauseMillis, LAST_PAUSE_MILLIS);
        this.keeper = new StoreKeeper(store.lease(), why -> report(Trouble.Saving, why));
    }

    /** Returns the copy that saves are made from; used before training begins. */
    SaveBuffers buffers() {
        return buffers;
    }

    public synchronized WriterState state() {
        return state;
    }

    /** Returns what is known of the store. */
    public StoreStatus status() {
        return state().store();
    }

    private synchronized void change(UnaryOperator<WriterState> by) {
        state = by.apply(state);
        notifyAll();
    }

    private void enter(Phase phase) {
        change(now -> now.with(phase));
    }

    private void learn(UnaryOperator<StoreStatus> what) {
        change(now -> now.with(what.apply(now.store())));
    }

    /**
     * Makes this trainer the one of its world that saves, and keeps the store this training's, or not. A trainer that
     * becomes it scans the store.
     */
    public synchronized void setLeader(boolean now) {
        keeper.lead(now);
        change(before -> before.leading(now));
        scanIfDue();
    }

    /**
     * Claims the store for this training, before it is resumed from.
     *
     * @throws IOException if the store cannot be read or written
     */
    StoreLease.Claim claim() throws IOException {
        return keeper.claim();
    }

    /**
     * Reports why the store cannot be resumed from at present.
     *
     * @param why null if it can
     */
    synchronized void resuming(@Nullable String why) {
        if (why != null) {
            report(Trouble.Resuming, why);
        } else if (status().problem().isPresent()) {
            learn(known -> known.with(Optional.empty()));
            publish();
        }
    }

    /**
     * Starts to save the arrays as they are now. They may be read, and must not change before {@link #beforeChange}.
     *
     * @return false, and nothing is begun, while the thread uses the store: training does not wait for that
     */
    public synchronized boolean begin(CheckpointState of, String request, UploadShare share) {
        boolean accepts = state.accepts();
        if (accepts) {
            begin(new SaveOrder(of, false, request, share));
        }
        return accepts;
    }

    /** Starts to write this rank's share of rank 0's save. Does nothing while an earlier share is being written. */
    synchronized void help(CheckpointState of, UploadShare share) {
        if (state.phase() == Phase.Idle && share.rank() > 0) {
            begin(new SaveOrder(of, false, "", share));
        }
    }

    private synchronized void begin(SaveOrder order) {
        ended = false;
        SaveOrder answering = order.answering(status().answered());
        enter(Phase.Copying);
        thread.begin(() -> write(answering), failure -> copyFailed(answering, failure));
    }

    /** Waits until no array is being copied. */
    public synchronized void beforeChange() {
        endPhaseOfDeadTask(); // training waits for no other phase
        awaitNot(Phase.Copying);
    }

    /** Waits until the store is not in use by this writer, for a caller that reads it. */
    synchronized void awaitStore() {
        awaitNot(Phase.Scanning, Phase.Copying, Phase.Saving);
    }

    private synchronized void awaitNot(Phase... these) {
        boolean interrupted = false;
        while (List.of(these).contains(state.phase())) {
            endPhaseOfDeadTask();
            try {
                wait(POLL_MILLIS);
            } catch (InterruptedException e) {
                interrupted = true; // the arrays are in use, so this must keep waiting
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends a phase that its task can no longer end, because even the handling of a failure has failed. */
    private synchronized void endPhaseOfDeadTask() {
        if (thread.isFree() && state.inTask()) {
            change(now ->
                    now.missedUntil(System.nanoTime() + copyPause.nextNanos()).scannedOrNot());
            report(
                    Trouble.Saving,
                    "the writer of checkpoints ended, and its failure could not be reported; raise the memory limit"
                            + " if this trainer's log shows that memory ran out" + AND_THEN);
        }
    }

    /**
     * Saves the arrays as they are now, and waits for it. They must not change meanwhile.
     *
     * @param giveUp polled while saving fails
     * @return whether the state is saved; otherwise {@link StoreStatus#why} is the reason
     */
    synchronized boolean saveNow(CheckpointState of, boolean export, UploadShare share, BooleanSupplier giveUp) {
        awaitStore();
        SaveOrder order = new SaveOrder(of, export, "", share);
        begin(order);
        while (state.saving() && !(state.failing() && giveUp.getAsBoolean())) {
            if (state.missed(System.nanoTime())) {
                begin(order);
            }
            endPhaseOfDeadTask();
            try {
                wait(Math.min(POLL_MILLIS, firstPauseMillis));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return status().committed() >= of.step();
    }

    /** Gives the store up in {@link #close}, because no trainer of this training is left to save. */
    synchronized void ends() {
        ended = true;
    }

    private synchronized void idle() {
        enter(Phase.Idle);
        scanIfDue();
    }

    private synchronized void scanIfDue() {
        if (state.phase() == Phase.Idle && state.scanDue()) {
            enter(Phase.Scanning);
            thread.begin(
                    () -> {
                        scan();
                        idle();
                    },
                    failure -> {
                        learn(StoreStatus::unlisted);
                        idle();
                    });
        }
    }

    private void write(SaveOrder order) {
        buffers.copy();
        saving();
        if (order.share().rank() > 0) {
            writeShare(order);
            idle();
        } else {
            save(order, order.share().ranks(), firstPauseMillis);
        }
    }

    private synchronized void saving() {
        copyPause.reset();
        enter(Phase.Saving);
    }

    /** Gives this state up: after a pause the newest takes its place. Rank 0 writes this rank's share anyway. */
    private void copyFailed(SaveOrder order, Throwable failure) {
        if (order.share().rank() > 0) {
            idle();
            LOG.warn("rank 0 writes this rank's share of the {}, too", order.name(), failure);
            return;
        }
        long until = System.nanoTime() + copyPause.nextNanos();
        change(now -> now.missedUntil(until)); // first of all, because training waits for this
        reportThrown(order, failure);
    }

    private void reportThrown(SaveOrder order, Throwable failure) {
        String why = "cannot save the " + order.name() + ": " + MemoryLimits.describe(failure) + AND_THEN;
        if (!why.equals(status().why())) {
            LOG.warn("saving has failed", failure);
        }
        report(Trouble.Saving, why);
    }

    /** Writes this rank's share. Rank 0 writes whatever is missing, and reports failures. */
    private void writeShare(SaveOrder order) {
        try {
            store.help(buffers.checkpoint(order.state()), order.share());
        } catch (IOException | RuntimeException | Error e) {
            LOG.info("rank 0 writes this rank's share of the {}, too: {}", order.name(), MemoryLimits.describe(e));
        }
    }

    /**
     * Saves the copied arrays, and tries again later if that fails.
     *
     * @param ranks that save, the others with {@link #help}
     */
    private void save(SaveOrder order, int ranks, long pauseMillis) {
        Checkpoint checkpoint = buffers.checkpoint(order.state());
        try {
            if (order.export()) {
                LOG.info("exported {}", store.export(checkpoint));
            }
            CheckpointCatalog.Saved saved = store.save(checkpoint, ranks);
            LOG.info(
                    "{} saved in {} s, {} MB",
                    order.name(),
                    Math.round(saved.seconds() * 100) / 100.0,
                    saved.entry().bytes() >> 20);
            saved(order, saved.seconds());
            scan();
            idle();
        } catch (CheckpointException e) {
            if (e.kind() == CheckpointException.Kind.NewerWorld) {
                report(
                        Trouble.Superseded,
                        "cannot save checkpoint step-" + order.state().step() + ", a later world has saved: "
                                + e.getMessage());
                idle();
            } else {
                saveFailed(order, e, pauseMillis);
            }
        } catch (RuntimeException | Error e) {
            try {
                reportThrown(order, e);
            } finally {
                retryLater(order, pauseMillis);
            }
        }
    }

    private void saveFailed(SaveOrder order, CheckpointException why, long pauseMillis) {
        if (why.kind() == CheckpointException.Kind.NotFinite) {
            report(Trouble.Saving, String.valueOf(why.getMessage()));
            idle(); // the copy stays what it is; a later state may be finite
        } else {
            report(Trouble.Saving, why.getMessage() + AND_THEN);
            retryLater(order, pauseMillis);
        }
    }

    private synchronized void saved(SaveOrder order, double seconds) {
        if (status().problem().isPresent()) {
            LOG.info("saving works again");
        }
        learn(known -> known.saved(order.state().step(), seconds, order.request()));
    }

    private synchronized void retryLater(SaveOrder order, long pauseMillis) {
        enter(Phase.Failing);
        long next = Math.min(2 * pauseMillis, LAST_PAUSE_MILLIS);
        thread.later(() -> retry(order, next), failure -> copyFailed(order, failure), pauseMillis);
    }

    private void retry(SaveOrder order, long pauseMillis) {
        synchronized (this) {
            if (state.phase() != Phase.Failing) { // a newer state took its place when the pause had just ended
                return;
            }
            thread.delayedBegins();
            enter(Phase.Saving);
        }
        save(order, 1, pauseMillis); // the other ranks help only with the first attempt
    }

    /** Scans the store while training continues. */
    private void scan() {
        try {
            scanned(StoreScan.of(store, status()));
        } catch (IOException | RuntimeException | Error e) {
            learn(StoreStatus::unlisted);
            report(Trouble.Saving, "cannot list checkpoints: " + MemoryLimits.describe(e));
        }
    }

    private synchronized void scanned(StoreScan scan) {
        learn(known -> known.scanned(scan));
        publish();
    }

    private synchronized void report(Trouble trouble, String why) {
        if (!why.equals(status().why())) {
            LOG.error("{}", why);
        }
        learn(known -> known.with(Optional.of(new StoreProblem(trouble, why))));
        publish();
    }

    private synchronized void publish() {
        progress.checkpoints(status().report());
    }

    /** Waits for the save in progress. */
    @Override
    public void close() {
        synchronized (this) {
            awaitNot(Phase.Copying, Phase.Saving);
            change(WriterState::closing);
            thread.shutDown();
        }
        thread.awaitEnd();
        keeper.close(ended);
    }
}
