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
 * Saves while training goes on. {@link #begin} returns at once; the copy is made while the next step computes, and
 * {@link #beforeChange} waits for what is left of it. A save that fails is told and tried again, ever more slowly,
 * until it succeeds or a newer state replaces it: a full disk in the middle of a run is no reason to stop it.
 */
final class CheckpointWriter implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointWriter.class);
    private static final long FIRST_PAUSE_MILLIS = 500;
    private static final long LAST_PAUSE_MILLIS = 30_000;
    private static final long GIVE_UP_POLL_MILLIS = 200;
    private static final int TOLD = 10;
    /** How many saves the percentile looks back on. */
    static final int SAVES = 100;

    /** Of the saving thread. */
    private enum Phase {
        Idle,
        Looking,
        Copying,
        Saving,
        Failing
    }

    /** A state to save, or to help rank 0 to save. */
    private record Order(CheckpointState state, boolean export, String request, UploadShare share) {}

    private final CheckpointCatalog store;
    private final TrainStep machine;
    private final TrainerProgress progress;
    private final long bytes;
    private final Thread thread = new Thread(this::run, "checkpoint-writer");
    private final Map<Long, Double> seconds = new HashMap<>();
    private final Deque<Double> lastSeconds = new ArrayDeque<>();
    private @Nullable HostSnapshot snapshot;
    private Phase phase = Phase.Idle;
    private @Nullable Order next;
    private boolean leading;
    private boolean look;
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

    /** A world begins, with this trainer as its rank 0 or not: looks through the store when it becomes it. */
    synchronized void lead(boolean now) {
        if (now && !leading) {
            look = true;
            committed = -1;
            if (superseded) { // in a world before this one
                superseded = false;
                problem = null;
            }
            notifyAll();
        }
        leading = now;
    }

    /** Whether {@link #begin} would take a state now, and the store was looked at. */
    synchronized boolean free() {
        return committed >= 0 && takes();
    }

    private boolean takes() {
        return phase == Phase.Idle || phase == Phase.Failing;
    }

    /** The last request for a checkpoint that is answered, by this trainer or one before it; empty for none. */
    synchronized String answered() {
        return answered;
    }

    /**
     * Tells why the store cannot be resumed from at present.
     *
     * @param why null when it could
     */
    synchronized void resuming(@Nullable String why) {
        if (why != null) {
            tell(why, true);
        } else if (problem != null) {
            problem = null;
            publish();
        }
    }

    /** Newest step in the store as far as it could be read, −1 before that is known. */
    synchronized long committed() {
        return committed;
    }

    /**
     * How the ranks of a world save: the share of each, where several at once are faster than one.
     *
     * @param rank of this trainer
     */
    UploadShare share(int rank, int ranks) {
        return store.shares(bytes) ? new UploadShare(rank, ranks) : UploadShare.ALONE;
    }

    /**
     * Starts to save the arrays as they are now; they may be read, and must not change before {@link #beforeChange}.
     *
     * @return false, and nothing is begun, while the thread is with the store: who trains does not wait for that
     */
    synchronized boolean begin(CheckpointState state, String request, UploadShare share) {
        boolean takes = takes();
        if (takes) {
            begin(new Order(state, false, request, share));
        }
        return takes;
    }

    private void begin(Order order) {
        String answers = order.request().isEmpty() ? answered : order.request();
        next = new Order(order.state().answering(answers), order.export(), order.request(), order.share());
        phase = Phase.Copying;
        notifyAll();
    }

    /** Starts to write this rank's share of what rank 0 saves; not while an earlier one is being written. */
    synchronized void help(CheckpointState state, UploadShare share) {
        if (phase == Phase.Idle && share.rank() > 0) {
            begin(new Order(state, false, "", share));
        }
    }

    /** Waits until nothing is being copied. */
    synchronized void beforeChange() {
        awaitNot(Phase.Copying);
    }

    private void awaitNot(Phase... these) {
        boolean interrupted = false;
        while (List.of(these).contains(phase)) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true; // the arrays are in use: there is no way out but to wait
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Saves the arrays as they are now, and waits for it.
     *
     * @param giveUp asked again and again while saving fails
     * @return whether it is saved; otherwise {@link #problem} says why not
     */
    synchronized boolean saveNow(CheckpointState state, boolean export, UploadShare share, BooleanSupplier giveUp) {
        awaitNot(Phase.Looking, Phase.Copying, Phase.Saving);
        begin(new Order(state, export, "", share));
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

    /** Seconds that the last saves took, a hundred at most, oldest first. */
    synchronized List<Double> saved() {
        return List.copyOf(lastSeconds);
    }

    private void run() {
        try {
            while (true) {
                Order order = await();
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
                    LOG.error("checkpoint of step {}", order.state().step(), e);
                    tell("cannot save checkpoint of step " + order.state().step() + ": " + e);
                }
                idle();
            }
        } catch (InterruptedException closed) {
            LOG.debug("closed");
        }
    }

    /** What to do next; looking through the store in between. Null when it is time to go. */
    private @Nullable Order await() throws InterruptedException {
        while (true) {
            synchronized (this) {
                while (next == null && !look && !closing) {
                    wait();
                }
                if (next != null || closing) {
                    Order order = next;
                    next = null;
                    return order;
                }
                look = false;
                phase = Phase.Looking;
            }
            buffers();
            lookThrough();
            idle();
        }
    }

    private synchronized void idle() {
        if (next == null) {
            phase = Phase.Idle;
        }
        notifyAll();
    }

    /** Buffers for the copy: their pages are touched when this trainer begins to lead, not while a step waits. */
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

    /** Rank 0 does what is not done here, and tells what fails. */
    private void helped(Order order) {
        try {
            store.help(buffers().checkpoint(order.state()), order.share());
        } catch (IOException e) {
            LOG.info("did not help to save step {}: {}", order.state().step(), e.getMessage());
        }
    }

    private void saved(Order order) throws InterruptedException {
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
                        tell("cannot save checkpoint step-" + order.state().step() + ", a later world has saved: "
                                + e.getMessage());
                    }
                    return;
                }
                tell(String.valueOf(e.getMessage()));
            }
            ranks = 1; // the others help once
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

    private void committed(Order order, double took) {
        synchronized (this) {
            committed = Math.max(committed, order.state().step());
            if (seconds.putIfAbsent(order.state().step(), took) == null) { // later it was only found there
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
        lookThrough();
    }

    /** The catalogue, every checkpoint in it read whole once; in this thread, beside training. */
    private void lookThrough() {
        try {
            List<CheckpointEntry> newest = new ArrayList<>();
            long newestStep = 0;
            String request = "";
            for (CheckpointCatalog.Entry entry : store.catalogue(true)) {
                if (entry.verified()) {
                    newestStep = Math.max(newestStep, entry.state().step());
                    request = request.isEmpty() ? entry.state().request() : request;
                }
                if (newest.size() < TOLD) {
                    newest.add(told(entry));
                }
            }
            synchronized (this) {
                committed = Math.max(committed, newestStep);
                listed = newest;
                answered = answered.isEmpty() ? request : answered;
                publish();
            }
        } catch (IOException | RuntimeException e) {
            tell("cannot list checkpoints: " + e.getMessage());
            synchronized (this) {
                committed = Math.max(committed, 0);
            }
        }
    }

    private synchronized CheckpointEntry told(CheckpointCatalog.Entry entry) {
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

    private void tell(String why) {
        tell(why, false);
    }

    private synchronized void tell(String why, boolean resuming) {
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
