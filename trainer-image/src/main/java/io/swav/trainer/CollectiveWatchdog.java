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
 * Aborts the collective when the world has gone on and this one will not, see {@link Membership#abandons}: at once while
 * state is being shared, while training only after some patience. Also when it is high time for this trainer to go, and
 * a peer that hangs would keep it until it is killed, with the state.
 */
final class CollectiveWatchdog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CollectiveWatchdog.class);
    private static final long PERIOD_MILLIS = 20;
    /** Patience before the first step of a world, whose length nobody knows yet. */
    private static final long FIRST_STEP_NANOS = TimeUnit.SECONDS.toNanos(60);

    private static final long LEAST_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final int STEPS_OF_PATIENCE = 4;

    private final WorldSource worlds;
    private final BooleanSupplier late;
    private final PeriodicTask ticker;
    private @Nullable Collective watched;
    private World world = World.none("");
    private long patience;
    private long lastSign;
    /** When a later world, or that it is late, was seen first. */
    private long seen;

    /** @param late whether this trainer was told to go long ago */
    CollectiveWatchdog(WorldSource worlds, BooleanSupplier late) {
        this.worlds = worlds;
        this.late = late;
        this.ticker = new PeriodicTask("watchman", PERIOD_MILLIS, this::look);
    }

    /** State is being shared in this world. */
    synchronized void sharing(Collective collective, World in) {
        watched = collective;
        world = in;
        patience = 0;
        seen = 0;
    }

    /** Training has begun. */
    synchronized void training() {
        patience = FIRST_STEP_NANOS;
        lastSign = System.nanoTime();
    }

    /** A step was finished. */
    synchronized void step(long nanos) {
        patience = Math.max(LEAST_NANOS, STEPS_OF_PATIENCE * nanos);
        lastSign = System.nanoTime();
    }

    /** This world is over, or is in no hurry: the last checkpoint is being written. */
    synchronized void rest() {
        watched = null;
    }

    private synchronized void look() {
        Collective collective = watched;
        World newest = worlds.newest();
        boolean isLate = late.getAsBoolean();
        if (collective == null || (newest.generation() <= world.generation() && !isLate)) {
            return;
        }
        long now = System.nanoTime();
        if (seen == 0) {
            seen = now;
        }
        long waited = now - Math.max(seen, lastSign);
        if (Membership.abandons(world, newest, waited, patience)
                || (isLate && waited >= Math.max(LEAST_NANOS, patience))) {
            String over = isLate ? "it is time to go" : "generation " + world.generation() + " is over";
            LOG.info("{} and a peer does not answer: aborting", over);
            watched = null;
            collective.abort();
        }
    }

    @Override
    public void close() {
        ticker.close();
    }
}
