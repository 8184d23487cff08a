package io.swav.trainer;

import io.swav.api.World;
import io.swav.collective.Collective;
import io.swav.membership.Membership;
import io.swav.membership.PeriodicTask;
import io.swav.membership.WorldSource;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Aborts the collective if the world has moved on and this one will not complete, see {@link Membership#abandons}:
 * immediately while state is being shared, and after a timeout while training. It also aborts if this trainer's save
 * deadline has passed and a hung peer would otherwise block it until it is killed with the state unsaved.
 */
final class CollectiveWatchdog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CollectiveWatchdog.class);
    private static final long PERIOD_MILLIS = 20;
    /** Timeout before the first step of a world, whose duration is not known yet. */
    private static final long FIRST_STEP_NANOS = TimeUnit.SECONDS.toNanos(60);

    private static final long LEAST_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final int STEPS_OF_TIMEOUT = 4;

    private final WorldSource worlds;
    private final BooleanSupplier pastDeadline;
    private final PeriodicTask task;
    private @Nullable Collective watched;
    private World world = World.none("");
    private long timeout;
    private long lastSign;
    /** When a later world, or a passed save deadline, was first seen. */
    private long seen;

    /** @param pastDeadline whether the save deadline after SIGTERM has passed */
    CollectiveWatchdog(WorldSource worlds, BooleanSupplier pastDeadline) {
        this.worlds = worlds;
        this.pastDeadline = pastDeadline;
        this.task = new PeriodicTask("collective-watchdog", PERIOD_MILLIS, this::look);
    }

    /** Starts watching a world in which state is being shared. */
    synchronized void sharing(Collective collective, World in) {
        watched = collective;
        world = in;
        timeout = 0;
        seen = 0;
    }

    /** Marks that training has begun. */
    synchronized void training() {
        timeout = FIRST_STEP_NANOS;
        lastSign = System.nanoTime();
    }

    /** Marks that a step was finished. */
    synchronized void step(long nanos) {
        timeout = Math.max(LEAST_NANOS, STEPS_OF_TIMEOUT * nanos);
        lastSign = System.nanoTime();
    }

    /** Stops watching: this world is over, or is not urgent because the last checkpoint is being written. */
    synchronized void rest() {
        watched = null;
    }

    private synchronized void look() {
        Collective collective = watched;
        World newest = worlds.newest();
        boolean mustLeave = pastDeadline.getAsBoolean();
        if (collective == null || (newest.generation() <= world.generation() && !mustLeave)) {
            return;
        }
        long now = System.nanoTime();
        if (seen == 0) {
            seen = now;
        }
        long waited = now - Math.max(seen, lastSign);
        if (Membership.abandons(world, newest, waited, timeout)
                || (mustLeave && waited >= Math.max(LEAST_NANOS, timeout))) {
            String over = mustLeave
                    ? "the save deadline after SIGTERM has passed"
                    : "generation " + world.generation() + " is over";
            LOG.info("{} and a peer does not answer: aborting collectives with it", over);
            watched = null;
            collective.abort();
        }
    }

    @Override
    public void close() {
        task.close();
    }
}
