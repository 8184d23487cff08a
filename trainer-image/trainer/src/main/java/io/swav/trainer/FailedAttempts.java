package io.swav.trainer;

import io.swav.api.JournalEvent;
import io.swav.api.World;
import io.swav.collective.CollectiveException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports failed attempts to form a world, or to train in it, and says how long to wait before the next one. Each reason
 * is logged once: while the operator is away, a trainer may try the same world for a long time.
 */
final class FailedAttempts {
    private static final Logger LOG = LoggerFactory.getLogger(FailedAttempts.class);
    private static final long FIRST_PAUSE_MILLIS = 50;
    private static final long LAST_PAUSE_MILLIS = 1000;

    private final TrainerProgress progress;
    private final TrainingJournal journal;
    private final GrowingPause pause = new GrowingPause(FIRST_PAUSE_MILLIS, LAST_PAUSE_MILLIS);
    private String last = "";

    FailedAttempts(TrainerProgress progress, TrainingJournal journal) {
        this.progress = progress;
        this.journal = journal;
    }

    /** Returns what the next attempt is, for the report. */
    String forming(World world) {
        return "forming generation " + world.generation() + (last.isEmpty() ? "" : ": " + last);
    }

    /** @param step of the state */
    void failed(World world, long step, RuntimeException e) {
        String why = String.valueOf(e.getMessage());
        if (progress.broke(lostPeer(world, e))) {
            journal.event(JournalEvent.DROPPED, progress.generation(), progress.step(), why);
        }
        if (!why.equals(last)) {
            LOG.warn("generation {} ended at step {}: {}", world.generation(), step, why);
        }
        last = why;
        progress.state(progress.state(), progress.generation(), why);
    }

    /** Returns the uid of the member whose connection failed, or null if none did. */
    private static @Nullable String lostPeer(World world, RuntimeException e) {
        return e instanceof CollectiveException broken && broken.lostRank().isPresent()
                ? world.members().get(broken.lostRank().getAsInt()).uid()
                : null;
    }

    /** Returns how long to wait for a later world; each time longer until {@link #end}. */
    long nextPauseMillis() {
        return pause.nextMillis();
    }

    /** Ends the row of failures: a world has formed. */
    void end() {
        pause.reset();
        last = "";
    }
}
