package io.swav.checkpoint;

import io.swav.checkpoint.CheckpointException.Kind;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes checkpoints, alone or with other ranks. It does not replace another training's checkpoint, and does not write
 * if a later generation of this training has saved.
 */
final class CheckpointCommitter {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointCommitter.class);
    /**
     * How many checkpoints the fence reads. A writer that its world has replaced is at most one checkpoint ahead of it.
     */
    private static final int FENCE = 5;

    private final Store store;
    private final CheckpointFiles files;
    private final CheckpointIndex index;
    private final CheckpointCatalog.Owner owner;
    private final StoreGuard guard;

    CheckpointCommitter(
            Store store,
            CheckpointFiles files,
            CheckpointIndex index,
            CheckpointCatalog.Owner owner,
            StoreGuard guard) {
        this.store = store;
        this.files = files;
        this.index = index;
        this.owner = owner;
        this.guard = guard;
    }

    /**
     * Refuses to save if the store belongs to another training, or a later generation has saved.
     *
     * @throws CheckpointException if this writer's world has been replaced
     * @throws IOException also if the store belongs to another training
     */
    void fence(long generation) throws CheckpointException, IOException {
        guard.require();
        int readable = 0;
        for (long step : index.steps()) {
            try {
                CheckpointState other = files.state(step, files.manifest(step));
                if (other.job().equals(owner.job()) && other.generation() > generation) {
                    throw new CheckpointException(
                            Kind.NewerWorld,
                            CheckpointFiles.at(step) + " was written by generation " + other.generation()
                                    + ", this is generation " + generation);
                }
                if (++readable == FENCE) {
                    return;
                }
            } catch (CorruptCheckpointException | NoSuchFileException unreadable) {
                LOG.debug("{}: {}", CheckpointFiles.at(step), unreadable.toString());
            }
        }
    }

    /** Removes what stands in the place of a checkpoint that is about to be written. */
    void clear(long step) throws IOException, CheckpointException {
        refuseForeignCheckpoint(step);
        index.forget(step);
        store.remove(CheckpointFiles.at(step), Manifest.NAME);
    }

    /**
     * Refuses to replace another training's checkpoint. Otherwise two trainings that reach the same steps would remove
     * each other's checkpoints.
     */
    private void refuseForeignCheckpoint(long step) throws CheckpointException, IOException {
        CheckpointState there;
        try {
            there = files.state(step, files.manifest(step));
        } catch (CorruptCheckpointException none) {
            return;
        }
        if (!owner.replaces() && !owner.accepts(there) && !there.job().equals(owner.job())) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    CheckpointFiles.at(step) + " in " + store.uri() + " is another training's (job " + there.job()
                            + ", configuration " + there.configDigest()
                            + ") and is kept, so nothing was saved. Give each training a checkpoint.uri of its own");
        }
    }

    /**
     * Writes and commits a checkpoint.
     *
     * @param ranks that write it; if they fail together, this rank writes it alone
     */
    void write(Checkpoint checkpoint, int ranks) throws IOException, CheckpointException {
        if (ranks > 1) {
            try {
                write(checkpoint, new UploadShare(0, ranks));
                return;
            } catch (NotFiniteTensorException e) {
                throw e;
            } catch (IOException e) {
                LOG.warn(
                        "the ranks could not save {} together, rank 0 saves it alone: {}",
                        CheckpointFiles.at(checkpoint.state().step()),
                        CheckpointException.describe(e));
            }
        }
        write(checkpoint, UploadShare.ALONE);
    }

    private void write(Checkpoint checkpoint, UploadShare share) throws IOException, CheckpointException {
        CheckpointState state = checkpoint.state();
        try (Store.Draft draft =
                store.draft(CheckpointFiles.at(state.step()), guard.writer(state.generation()), share)) {
            Map<String, Manifest.ManifestEntry> written =
                    CheckpointFiles.writeTensors(draft, checkpoint, owner.configDigest());
            written.put(CheckpointFiles.STATE, CheckpointFiles.writeState(draft, state));
            fence(state.generation());
            draft.commit(Manifest.NAME, Manifest.of(draft.location(), written).toJson());
        } catch (FileAlreadyExistsException e) {
            if (!index.isWhole(state.step())) {
                throw e;
            }
        }
    }

    /** Writes this rank's share of a checkpoint, see {@link CheckpointCatalog#help}. */
    void help(Checkpoint checkpoint, UploadShare share) throws IOException {
        if (index.steps().contains(checkpoint.state().step())) {
            return; // rank 0 finds it in the store, too
        }
        try (Store.Draft draft = store.draft(
                CheckpointFiles.at(checkpoint.state().step()),
                guard.writer(checkpoint.state().generation()),
                share)) {
            CheckpointFiles.writeTensors(draft, checkpoint, owner.configDigest());
        }
    }
}
