package io.swav.trainer;

import io.swav.checkpoint.StoreLease;
import io.swav.checkpoint.StoreLease.Claim;
import io.swav.membership.PeriodicTask;
import java.io.IOException;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the store this training's: the trainer that saves gives signs of life, also while a save takes long. */
final class StoreKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(StoreKeeper.class);

    private final Optional<StoreLease> lease;
    private final Consumer<String> lost;
    private volatile boolean leads;
    private final Optional<PeriodicTask> task;

    /** @param lost receives why the store is another training's, if it became that */
    StoreKeeper(Optional<StoreLease> lease, Consumer<String> lost) {
        this.lease = lease;
        this.lost = lost;
        this.task = lease.map(of -> new PeriodicTask("store-keeper", of.period().toMillis(), () -> refresh(of)));
    }

    /** Begins or ends to give signs of life: one trainer of a world does so, the one that saves. */
    void lead(boolean now) {
        leads = now;
    }

    /** Claims the store, and keeps it if it is this training's. */
    Claim claim() throws IOException {
        if (lease.isEmpty()) {
            return new Claim.Held();
        }
        Claim claim = lease.get().refresh();
        if (claim instanceof Claim.Held) {
            leads = true;
        }
        return claim;
    }

    private void refresh(StoreLease of) {
        if (!leads) {
            return;
        }
        try {
            of.refresh().obstacle().ifPresent(why -> lost.accept("nothing is saved: " + why));
        } catch (IOException e) {
            LOG.debug("a store that is away is no other training's yet; saves report it", e);
        }
    }

    /** @param ended whether the training has ended, or no other trainer of it is left */
    void close(boolean ended) {
        leads = false;
        task.ifPresent(PeriodicTask::close);
        if (ended) {
            lease.ifPresent(StoreKeeper::release);
        }
    }

    /** Everything is saved: whatever is thrown now only lets the next training wait a little. */
    private static void release(StoreLease of) {
        try {
            of.release();
        } catch (RuntimeException | Error e) {
            LOG.warn("the store was not released, so the next training there waits a little", e);
        }
    }
}
