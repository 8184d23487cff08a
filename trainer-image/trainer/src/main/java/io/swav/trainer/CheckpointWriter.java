package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.UploadShare;
import io.swav.model.TrainStep;
import io.swav.trainer.StoreStatus.StoreProblem;
import io.swav.trainer.StoreStatus.Trouble;
import io.swav.trainer.WriterState.Phase;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves while training continues. {@link #begin} returns at once; the copy is made while the next step computes, and
 * {@link #beforeChange} waits for the rest of it. A save that fails is reported and retried with growing pauses until
 * it succeeds or a newer state replaces it: a full disk in the middle of a run is not a reason to stop training.
 *
 * <p>One thread does all of this, and its {@link WriterState.Phase} says what it does. It is given a task only when it
 * has none, so a copy, for which training waits, never queues behind a call of the store.
 */
public final class CheckpointWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long LAST_PAUSE_MILLIS = 30_000;
    private static final long GIVE_UP_POLL_MILLIS = 200;

    /** A state to save, or a share of rank 0's save to write. */
    private record SaveOrder(CheckpointState state, boolean export, String request, UploadShare share) {
        String name() {
            return "checkpoint of step " + state.step();
        }

        /** Returns the order for a state that also answers {@code earlier}, unless it answers a request of its own. */
        SaveOrder answering(String earlier) {
            return new SaveOrder(state.answering(request.isEmpty() ? earlier : request), export, request, share);
        }
    }

    private final CheckpointCatalog store;
    private final TrainStep machine;
    private final TrainerProgress progress;
    private final long bytes;
    private final ScheduledThreadPoolExecutor executor;
    /** Used by the thread alone. */
    private @Nullable HostSnapshot snapshot;

    private WriterState state = WriterState.START;
    private Future<?> retry = CompletableFuture.completedFuture(null);

    public CheckpointWriter(CheckpointCatalog store, TrainStep machine, TrainerProgress progress) {
        this.store = store;
        this.machine = machine;
        this.progress = progress;
        this.bytes = bytes(machine.model()) + bytes(machine.optimizer());
        this.executor = new ScheduledThreadPoolExecutor(1, CheckpointWriter::thread);
        executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    }

    private static Thread thread(Runnable work) {
        Thread thread = new Thread(work, "checkpoint-writer");
        thread.setDaemon(true);
        return thread;
    }

    private static long bytes(Map<String, NDArray> arrays) {
        return arrays.values().stream()
                .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
                .sum();
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

    /** Starts a world in which this trainer is rank 0 or not. A trainer that becomes rank 0 scans the store. */
    public synchronized void setLeader(boolean now) {
        change(before -> before.leading(now));
        scanIfDue();
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
     * Returns this rank's share of a save, if several ranks at once save faster than one.
     *
     * @param rank of this trainer
     */
    UploadShare share(int rank, int ranks) {
        return store.shares(bytes) ? new UploadShare(rank, ranks) : UploadShare.ALONE;
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
        retry.cancel(false);
        enter(Phase.Copying);
        SaveOrder answering = order.answering(status().answered());
        executor.execute(task("save " + order.name(), () -> write(answering)));
    }

    /** Waits until no array is being copied. */
    public synchronized void beforeChange() {
        awaitNot(Phase.Copying);
    }

    private synchronized void awaitNot(Phase... these) {
        boolean interrupted = false;
        while (List.of(these).contains(state.phase())) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true; // the arrays are in use, so this must keep waiting
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Saves the arrays as they are now, and waits for it.
     *
     * @param giveUp polled while saving fails
     * @return whether the state is saved; otherwise {@link StoreStatus#why} is the reason
     */
    synchronized boolean saveNow(CheckpointState of, boolean export, UploadShare share, BooleanSupplier giveUp) {
        awaitNot(Phase.Scanning, Phase.Copying, Phase.Saving);
        begin(new SaveOrder(of, export, "", share));
        while (state.saving() && !(state.phase() == Phase.Failing && giveUp.getAsBoolean())) {
            try {
                wait(GIVE_UP_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return status().committed() >= of.step();
    }

    /** Returns a task for the thread, which is idle after it even if it fails. */
    private Runnable task(String what, Runnable work) {
        return () -> {
            try {
                work.run();
            } catch (RuntimeException | Error e) {
                LOG.error("cannot {}", what, e);
                report(Trouble.Saving, "cannot " + what + ": " + e);
                idle();
            }
        };
    }

    private synchronized void idle() {
        enter(Phase.Idle);
        scanIfDue();
    }

    private synchronized void scanIfDue() {
        if (state.phase() == Phase.Idle && state.scanDue()) {
            enter(Phase.Scanning);
            executor.execute(task("list checkpoints", () -> {
                buffers();
                scan();
                idle();
            }));
        }
    }

    /**
     * Returns the buffers for the copy. Their pages are touched when this trainer becomes rank 0, not while a step
     * waits.
     */
    private HostSnapshot buffers() {
        HostSnapshot into = snapshot;
        if (into == null) {
            into = new HostSnapshot(machine.model(), machine.optimizer());
            snapshot = into;
        }
        return into;
    }

    private void write(SaveOrder order) {
        try {
            buffers().copy();
        } finally {
            enter(Phase.Saving);
        }
        if (order.share().rank() > 0) {
            writeShare(order);
            idle();
        } else {
            save(order, order.share().ranks(), FIRST_PAUSE_MILLIS);
        }
    }

    /** Writes this rank's share. Rank 0 writes whatever is missing, and reports failures. */
    private void writeShare(SaveOrder order) {
        try {
            store.help(buffers().checkpoint(order.state()), order.share());
        } catch (IOException e) {
            LOG.info(
                    "rank 0 writes this rank's share of step {} too: {}",
                    order.state().step(),
                    e.getMessage());
        }
    }

    /**
     * Saves the copied arrays, and tries again later if that fails.
     *
     * @param ranks that save, the others with {@link #help}
     */
    private void save(SaveOrder order, int ranks, long pauseMillis) {
        Checkpoint checkpoint = buffers().checkpoint(order.state());
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
                report(Trouble.Saving, String.valueOf(e.getMessage()));
                if (e.kind() == CheckpointException.Kind.NotFinite) {
                    idle(); // the copy stays what it is; a later state may be finite
                } else {
                    retryLater(order, pauseMillis);
                }
            }
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
        retry = executor.schedule(
                task("save " + order.name(), () -> retry(order, next)), pauseMillis, TimeUnit.MILLISECONDS);
    }

    private void retry(SaveOrder order, long pauseMillis) {
        synchronized (this) {
            if (state.phase() != Phase.Failing) { // a newer state took its place when the pause had just ended
                return;
            }
            enter(Phase.Saving);
        }
        save(order, 1, pauseMillis); // the other ranks help only with the first attempt
    }

    /** Scans the store while training continues. */
    private void scan() {
        try {
            scanned(StoreScan.of(store, status()));
        } catch (IOException | RuntimeException e) {
            report(Trouble.Saving, "cannot list checkpoints: " + e.getMessage());
            learn(StoreStatus::unlisted);
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
            executor.shutdown();
        }
        try {
            executor.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
