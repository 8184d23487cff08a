package io.swav.checkpoint;

import io.swav.checkpoint.CheckpointCatalog.CatalogEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes old checkpoints, and what dead writers left behind. A failure is logged, and the next save tries again.
 */
final class CheckpointPruner {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointPruner.class);

    private final Store store;
    private final CheckpointFiles files;
    private final CheckpointIndex index;
    private final CheckpointCatalog.Owner owner;
    private final StoreGuard guard;
    private volatile int keep;

    /** @param keep how many of the newest checkpoints are kept */
    CheckpointPruner(
            Store store,
            CheckpointFiles files,
            CheckpointIndex index,
            CheckpointCatalog.Owner owner,
            StoreGuard guard,
            int keep) {
        this.store = store;
        this.files = files;
        this.index = index;
        this.owner = owner;
        this.guard = guard;
        this.keep = keep;
    }

    /** Sets how many of the newest checkpoints are kept. */
    void keep(int newest) {
        keep = newest;
    }

    /** Removes surplus checkpoints after the save of a step. */
    void tidy(long saved, long generation) {
        try {
            guard.require();
            for (long step : surplus(index.entries(false), saved)) {
                store.remove(CheckpointFiles.at(step), Manifest.NAME);
                index.forget(step);
            }
        } catch (IOException e) {
            LOG.warn(
                    "cannot remove old checkpoints from {}, the next save tries again: {}",
                    store.uri(),
                    CheckpointException.describe(e));
        }
        sweep(generation);
    }

    /** Removes the unfinished checkpoints of this generation and earlier ones. */
    void sweep(long generation) {
        try {
            guard.require();
            Set<String> locations = new HashSet<>();
            for (long step : index.steps()) {
                try {
                    locations.add(CheckpointFiles.at(step) + "/"
                            + files.manifest(step).location());
                } catch (CorruptCheckpointException unreadable) {
                    return; // an unreadable checkpoint may point to any files
                }
            }
            store.sweep(guard.writer(generation), guard.owns(), locations::contains);
        } catch (IOException e) {
            LOG.warn(
                    "cannot remove unfinished checkpoints from {}, the next save tries again: {}",
                    store.uri(),
                    CheckpointException.describe(e));
        }
    }

    /**
     * Returns the steps to remove: of this configuration's checkpoints, and of those that cannot be read and so cannot
     * be attributed, all that are older than the newest {@code keep} good ones. The checkpoint that was saved and
     * verified last is never removed, whatever newer ones seem to exist.
     */
    private List<Long> surplus(List<CatalogEntry> newestFirst, long verified) {
        List<Long> surplus = new ArrayList<>();
        int good = 0;
        for (CatalogEntry entry : newestFirst) {
            CheckpointState state = entry.state();
            if (!state.configDigest().isEmpty() && !state.configDigest().equals(owner.configDigest())) {
                continue;
            }
            if (good >= keep && state.step() != verified) {
                surplus.add(state.step());
            } else if (!entry.unusable()) {
                good++;
            }
        }
        return surplus;
    }
}
