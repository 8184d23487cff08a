package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.api.SwavJobStatus.CheckpointEntry;
import io.swav.api.TrainerReport;
import io.swav.checkpoint.Checkpoint;
import io.swav.checkpoint.CheckpointCatalog;
import io.swav.checkpoint.CheckpointException;
import io.swav.checkpoint.CheckpointState;
import io.swav.checkpoint.HostSnapshot;
import io.swav.checkpoint.UploadShare;
import io.swav.model.TrainStep;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Saves while training continues. {@link #begin} returns at once; the copy is made while the next step computes, and
 * {@link #beforeChange} waits for the rest of it. A save that fails is reported and retried with growing pauses until
 * it succeeds or a newer state replaces it: a full disk in the middle of a run is not a reason to stop training.
 */
final class CheckpointWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long LAST_PAUSE_MILLIS = 30_000;
    private static final long GIVE_UP_POLL_MILLIS = 200;
    private static final int LISTED = 10;
    /** How many saves the percentile covers. */
    static final int SAVES = 100;

    /** What the saving thread is doing. */
    private enum Phase {
        Idle,
        Scanning,
        Copying,
        Saving,
        Failing
    }

    /** A state to save, or a share of rank 0's save to write. */
    private record SaveOrder(CheckpointState state, boolean export, String request, UploadShare share) {}

    private final CheckpointCatalog store;
    private final TrainStep machine;
    private final TrainerProgress progress;
    private final long bytes;
    private final Thread thread = new Thread(this::run, "checkpoint-writer");
    private final Map<Long, Double> seconds = new HashMap<>();
    private final Deque<Double> lastSeconds = new ArrayDeque<>();
    private @Nullable HostSnapshot snapshot;
    private Phase phase = Phase.Idle;
    private @Nullable SaveOrder next;
    private boolean leading;
    private boolean scanDue;
    private boolean closing;
    private long committed = -1;
    /** Whether {@link #problem} is that the store holds a checkpoint of a later generation. */
    private boolean superseded;

    private List<CheckpointEntry> listed = List.of();
    private @Nullable String problem;
    private boolean cannotResume;
    private String answered = "";

    CheckpointWriter(CheckpointCatalog store, TrainStep machine, TrainerProgress progress) {
        this.store = store;
        this.machine = machine;
        this.progress = progress;
        this.bytes = bytes(machine.model()) + bytes(machine.optimizer());
        thread.setDaemon(true);
        thread.start();
    }

    private static long bytes(Map<String, NDArray> arrays) {
        return arrays.values().stream()
                .mapToLong(array -> array.size() * array.getDataType().getNumOfBytes())
                .sum();
    }

    /** Starts a world in which this trainer is rank 0 or not. A trainer that becomes rank 0 scans the store. */
    synchronized void setLeader(boolean now) {
        if (now && !leading) {
            scanDue = true;
            committed = -1;
            if (superseded) { // in an earlier world
                superseded = false;
                problem = null;
            }
            notifyAll();
        }
        leading = now;
    }

    /** Returns whether {@link #begin} would take a state now and the store has been scanned. */
    synchronized boolean free() {
        return committed >= 0 && takes();
    }

    private boolean takes() {
        return phase == Phase.Idle || phase == Phase.Failing;
    }

    /** Returns the last checkpoint request that this trainer or an earlier one has answered, or empty. */
    synchronized String answered() {
        return answered;
    }

    /**
     * Reports why the store cannot be resumed from at present.
     *
     * @param why null if it can
     */
    synchronized void resuming(@Nullable String why) {
        if (why != null) {
            reportProblem(why, true);
        } else if (problem != null) {
            problem = null;
            publish();
        }
    }

    /** Returns the newest step found in the store, −1 before a scan has finished. */
    synchronized long committed() {
        return committed;
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
    synchronized boolean begin(CheckpointState state, String request, UploadShare share) {
        boolean takes = takes();
        if (takes) {
            begin(new SaveOrder(state, false, request, share));
        }
        return takes;
    }

    private void begin(SaveOrder order) {
        String answers = order.request().isEmpty() ? answered : order.request();
        next = new SaveOrder(order.state().answering(answers), order.export(), order.request(), order.share());
        phase = Phase.Copying;
        notifyAll();
    }

    /** Starts to write this rank's share of rank 0's save. Does nothing while an earlier share is being written. */
    synchronized void help(CheckpointState state, UploadShare share) {
        if (phase == Phase.Idle && share.rank() > 0) {
            begin(new SaveOrder(state, false, "", share));
        }
    }

    /** Waits until no array is being copied. */
    synchronized void beforeChange() {
        awaitNot(Phase.Copying);
    }

    private void awaitNot(Phase... these) {
        boolean interrupted = false;
        while (List.of(these).contains(phase)) {
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
     * @return whether the state is saved; otherwise {@link #problem} is the reason
     */
    synchronized boolean saveNow(CheckpointState state, boolean export, UploadShare share, BooleanSupplier giveUp) {
        awaitNot(Phase.Scanning, Phase.Copying, Phase.Saving);
        begin(new SaveOrder(state, export, "", share));
        while (phase != Phase.Idle && !(phase == Phase.Failing && giveUp.getAsBoolean())) {
            try {
                wait(GIVE_UP_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return committed >= state.step();
    }

    synchronized @Nullable String problem() {
        return problem;
    }

    /** Returns the durations of the last saves in seconds, at most 100, oldest first. */
    synchronized List<Double> saved() {
        return List.copyOf(lastSeconds);
    }

    private void run() {
        try {
            while (true) {
                SaveOrder order = await();
                if (order == null) {
                    return;
                }
                try {
                    copy();
                    if (order.share().rank() > 0) {
                        helped(order);
                    } else {
                        saved(order);
                    }
                } catch (RuntimeException | Error e) {
                    LOG.error("cannot save checkpoint of step {}", order.state().step(), e);
                    reportProblem(
                            "cannot save checkpoint of step " + order.state().step() + ": " + e);
                }
                idle();
            }
        } catch (InterruptedException closed) {
            LOG.debug("closed");
        }
    }

    /** Returns the next order, scanning the store in between. Returns null when the writer is closed. */
    private @Nullable SaveOrder await() throws InterruptedException {
        while (true) {
            synchronized (this) {
                while (next == null && !scanDue && !closing) {
                    wait();
                }
                if (next != null || closing) {
                    SaveOrder order = next;
                    next = null;
                    return order;
                }
                scanDue = false;
                phase = Phase.Scanning;
            }
            buffers();
            scan();
            idle();
        }
    }

    private synchronized void idle() {
        if (next == null) {
            phase = Phase.Idle;
        }
        notifyAll();
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

    private void copy() {
        try {
            buffers().copy();
        } finally {
            synchronized (this) {
                phase = Phase.Saving;
                notifyAll();
            }
        }
    }

    /** Writes this rank's share. Rank 0 writes whatever is missing, and reports failures. */
    private void helped(SaveOrder order) {
        try {
            store.help(buffers().checkpoint(order.state()), order.share());
        } catch (IOException e) {
            LOG.info(
                    "rank 0 writes this rank's share of step {} too: {}",
                    order.state().step(),
                    e.getMessage());
        }
    }

    private void saved(SaveOrder order) throws InterruptedException {
        Checkpoint checkpoint = buffers().checkpoint(order.state());
        int ranks = order.share().ranks();
        for (long pause = FIRST_PAUSE_MILLIS; ; pause = Math.min(2 * pause, LAST_PAUSE_MILLIS)) {
            try {
                if (order.export()) {
                    LOG.info("exported {}", store.export(checkpoint));
                }
                CheckpointCatalog.Saved saved = store.save(checkpoint, ranks);
                LOG.info(
                        "checkpoint of step {} saved in {} s, {} MB",
                        order.state().step(),
                        Math.round(saved.seconds() * 100) / 100.0,
                        saved.entry().bytes() >> 20);
                committed(order, saved.seconds());
                return;
            } catch (CheckpointException e) {
                if (e.kind() == CheckpointException.Kind.NewerWorld) {
                    synchronized (this) {
                        superseded = true;
                        reportProblem("cannot save checkpoint step-"
                                + order.state().step() + ", a later world has saved: " + e.getMessage());
                    }
                    return;
                }
                reportProblem(String.valueOf(e.getMessage()));
            }
            ranks = 1; // the other ranks help only with the first attempt
            synchronized (this) {
                phase = Phase.Failing;
                notifyAll();
                long end = System.nanoTime() + pause * 1_000_000;
                for (long left = pause; left > 0 && next == null && !closing; ) {
                    wait(left);
                    left = (end - System.nanoTime()) / 1_000_000;
                }
                if (next != null || closing) {
                    return;
                }
                phase = Phase.Saving;
            }
        }
    }

    private void committed(SaveOrder order, double took) {
        synchronized (this) {
            committed = Math.max(committed, order.state().step());
            if (seconds.putIfAbsent(order.state().step(), took) == null) { // later calls only find it in the store
                lastSeconds.addLast(took);
            }
            if (lastSeconds.size() > SAVES) {
                lastSeconds.removeFirst();
            }
            if (!order.request().isEmpty()) {
                answered = order.request();
            }
            if (problem != null) {
                LOG.info("saving works again");
                problem = null;
            }
        }
        scan();
    }

    /** Scans the catalogue and fully verifies every checkpoint once, on this thread, while training continues. */
    private void scan() {
        try {
            List<CheckpointEntry> newest = new ArrayList<>();
            long newestStep = 0;
            String request = "";
            for (CheckpointCatalog.CatalogEntry entry : store.catalogue(true)) {
                if (entry.verified()) {
                    newestStep = Math.max(newestStep, entry.state().step());
                    request = request.isEmpty() ? entry.state().request() : request;
                }
                if (newest.size() < LISTED) {
                    newest.add(toEntry(entry));
                }
            }
            synchronized (this) {
                committed = Math.max(committed, newestStep);
                listed = newest;
                answered = answered.isEmpty() ? request : answered;
                publish();
            }
        } catch (IOException | RuntimeException e) {
            reportProblem("cannot list checkpoints: " + e.getMessage());
            synchronized (this) {
                committed = Math.max(committed, 0);
            }
        }
    }

    private synchronized CheckpointEntry toEntry(CheckpointCatalog.CatalogEntry entry) {
        return new CheckpointEntry(
                entry.state().step(),
                entry.state().samples(),
                entry.state().worldSize(),
                store.uri() + "/step-" + entry.state().step(),
                entry.digest(),
                entry.bytes(),
                seconds.get(entry.state().step()),
                entry.verified(),
                entry.problem().filter(text -> !text.isEmpty()).orElse(null),
                entry.state().time());
    }

    private void reportProblem(String why) {
        reportProblem(why, false);
    }

    private synchronized void reportProblem(String why, boolean resuming) {
        if (!why.equals(problem)) {
            LOG.error("{}", why);
        }
        problem = why;
        cannotResume = resuming;
        publish();
    }

    private synchronized void publish() {
        progress.checkpoints(new TrainerReport.Checkpoints(
                listed, problem, problem != null && cannotResume, percentile(), answered.isEmpty() ? null : answered));
    }

    private synchronized @Nullable Double percentile() {
        List<Double> sorted = lastSeconds.stream().sorted().toList();
        return sorted.isEmpty() ? null : sorted.get((int) Math.ceil(.95 * sorted.size()) - 1);
    }

    /** Waits for the save in progress. */
    @Override
    public void close() {
        synchronized (this) {
            awaitNot(Phase.Copying, Phase.Saving);
            closing = true;
            notifyAll();
        }
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
