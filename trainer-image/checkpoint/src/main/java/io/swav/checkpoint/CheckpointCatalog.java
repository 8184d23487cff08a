package io.swav.checkpoint;

import io.swav.checkpoint.CheckpointException.Kind;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoints of one training in a {@link Store}: {@code step-N/} with {@code model.safetensors}, {@code
 * optimizer.safetensors}, {@code state.json} and, written last, {@code MANIFEST.json}. Whenever a process dies, a
 * manifest exists only if all files that it names exist. Not thread-safe: one thread at a time.
 */
public final class CheckpointCatalog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointCatalog.class);
    private static final Pattern COMMITTED = Pattern.compile("step-(\\d+)/" + Pattern.quote(Manifest.NAME));
    private static final String BACKBONE = "export/backbone.safetensors";
    /**
     * How many checkpoints the fence reads. A writer that its world has replaced is at most one checkpoint ahead of it.
     */
    private static final int FENCE = 5;
    /** Ranks save together from this size on; below it, coordinating takes as long as writing. */
    private static final long SHARED_BYTES = 64L << 20;

    /**
     * The training whose checkpoints are resumed and, if there are too many, removed.
     *
     * @param job uid of the SwavJob, empty outside a cluster
     * @param configDigest digest of the configuration; empty accepts any configuration's checkpoints
     * @param replaces whether a save may replace another training's checkpoint of the same step
     */
    public record Owner(String job, String configDigest, boolean replaces) {
        /** Creates an owner that leaves other trainings' checkpoints alone. */
        public Owner(String job, String configDigest) {
            this(job, configDigest, false);
        }
    }

    /**
     * A checkpoint as the catalogue lists it.
     *
     * @param digest SHA-256 of model.safetensors
     * @param bytes of all its files
     * @param problem why it cannot be used; empty if it verified, absent if it has not been verified yet
     */
    public record CatalogEntry(CheckpointState state, String digest, long bytes, Optional<String> problem) {
        public boolean verified() {
            return problem.filter(String::isEmpty).isPresent();
        }

        private boolean unusable() {
            return problem.filter(text -> !text.isEmpty()).isPresent();
        }

        private CatalogEntry judged(String verdict) {
            return new CatalogEntry(state, digest, bytes, Optional.of(verdict));
        }
    }

    /**
     * A committed save.
     *
     * @param seconds that it took
     */
    public record Saved(CatalogEntry entry, double seconds) {}

    private final Store store;
    private final CheckpointFiles files;
    private final Owner owner;
    private final int keep;
    private final Map<Long, CatalogEntry> known = new ConcurrentSkipListMap<>(Comparator.reverseOrder());

    /** @param keep how many of the newest checkpoints are kept */
    public CheckpointCatalog(Store store, Owner owner, int keep) {
        this.store = store;
        this.files = new CheckpointFiles(store);
        this.owner = owner;
        this.keep = keep;
    }

    public String uri() {
        return store.uri();
    }

    /**
     * Returns the newest checkpoint of this configuration that verifies.
     *
     * @param startOver whether to return empty if there are checkpoints and none can be used
     * @throws CheckpointException if the store cannot be read now, or none of its checkpoints can be used
     */
    public Optional<Checkpoint> newest(boolean startOver) throws CheckpointException {
        Map<Long, String> passedOver = new LinkedHashMap<>();
        try {
            for (long step : steps()) {
                try {
                    Checkpoint checkpoint = load(step);
                    known.put(step, entry(step, checkpoint.state(), ""));
                    return Optional.of(checkpoint);
                } catch (CorruptCheckpointException e) {
                    String problem = String.valueOf(e.getMessage());
                    LOG.warn(
                            "checkpoint {} cannot be used, trying the next older one: {}",
                            CheckpointFiles.at(step),
                            problem);
                    passedOver.put(step, problem);
                    known.put(step, head(step).judged(problem));
                }
            }
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotRead, "cannot read checkpoints of " + store.uri() + ": " + describe(e), e);
        }
        if (!passedOver.isEmpty() && !startOver) {
            throw new CheckpointException(
                    Kind.NoneUsable,
                    store.uri() + " holds checkpoints, but none can be resumed: "
                            + passedOver.entrySet().stream()
                                    .map(each -> "step-" + each.getKey() + " " + each.getValue())
                                    .collect(Collectors.joining("; "))
                            + ". Nothing was lost or changed: choose another checkpoint.uri, restore the files, or"
                            + " start from zero with recovery.startOver: true (if the job is Failed: delete it and"
                            + " apply it again)");
        }
        return Optional.empty();
    }

    /**
     * Reads a whole checkpoint, and checks every byte of it while reading.
     *
     * @throws IOException also if it is damaged, missing, or of another configuration
     */
    public Checkpoint load(long step) throws IOException {
        Manifest manifest = files.manifest(step);
        CheckpointState state = ours(files.state(step, manifest));
        return new Checkpoint(
                state,
                files.tensors(step, manifest, CheckpointFiles.MODEL),
                files.tensors(step, manifest, CheckpointFiles.OPTIMIZER));
    }

    private CheckpointState ours(CheckpointState state) throws CorruptCheckpointException {
        if (!isOurs(state)) {
            throw new CorruptCheckpointException("belongs to another configuration (digest " + state.configDigest()
                    + ", this job's is " + owner.configDigest() + ")");
        }
        return state;
    }

    private boolean isOurs(CheckpointState state) {
        return owner.configDigest().isEmpty() || state.configDigest().equals(owner.configDigest());
    }

    /**
     * Returns whether this step was saved for this configuration and is undamaged; false if the store cannot be read.
     */
    public boolean holds(long step) {
        try {
            return isWhole(step);
        } catch (IOException e) {
            return false;
        }
    }

    private boolean isWhole(long step) throws IOException {
        return steps().contains(step) && problem(step).isEmpty();
    }

    /**
     * Returns what is wrong with a checkpoint; empty if every byte of it is what was written, for this configuration.
     */
    private String problem(long step) throws IOException {
        try {
            Manifest manifest = files.manifest(step);
            CheckpointState state = files.state(step, manifest);
            for (String file : manifest.files().keySet()) {
                files.check(step, manifest, file);
            }
            return isOurs(state) ? "" : "belongs to another configuration (digest " + state.configDigest() + ")";
        } catch (CorruptCheckpointException e) {
            return String.valueOf(e.getMessage());
        }
    }

    /**
     * Returns all existing checkpoints, newest first.
     *
     * @param verify whether to fully read those that this process has not read yet
     */
    public List<CatalogEntry> catalogue(boolean verify) throws IOException {
        List<Long> steps = steps();
        known.keySet().retainAll(steps);
        List<CatalogEntry> all = new ArrayList<>();
        for (long step : steps) {
            CatalogEntry entry = head(step);
            if (verify && entry.problem().isEmpty()) {
                entry = entry.judged(problem(step));
                known.put(step, entry);
            }
            all.add(entry);
        }
        return all;
    }

    private CatalogEntry head(long step) throws IOException {
        CatalogEntry entry = known.get(step);
        if (entry == null) {
            try {
                Manifest manifest = files.manifest(step);
                entry = entry(files.state(step, manifest), manifest, Optional.empty());
            } catch (CorruptCheckpointException e) {
                CheckpointState unreadable = new CheckpointState(step, 0, 0, "", 0, "", 0, "");
                entry = new CatalogEntry(unreadable, "", 0, Optional.of(String.valueOf(e.getMessage())));
            }
            known.put(step, entry);
        }
        return entry;
    }

    private CatalogEntry entry(long step, CheckpointState state, String problem) throws IOException {
        return entry(state, files.manifest(step), Optional.of(problem));
    }

    private static CatalogEntry entry(CheckpointState state, Manifest manifest, Optional<String> problem) {
        Manifest.ManifestEntry model = manifest.files().get(CheckpointFiles.MODEL);
        long bytes = manifest.files().values().stream()
                .mapToLong(Manifest.ManifestEntry::bytes)
                .sum();
        return new CatalogEntry(state, model == null ? "" : model.sha256(), bytes, problem);
    }

    /**
     * Commits a checkpoint, reads it back, and removes the oldest checkpoints beyond {@code keep}. A checkpoint of the
     * same step that exists and verifies is left as it is. So is one of another configuration and another job, unless
     * the owner replaces such checkpoints.
     *
     * @throws CheckpointException if the store cannot be written, holds another training's checkpoint of this step, or
     *     holds one of a later generation: then this writer's world has been replaced
     */
    public Saved save(Checkpoint checkpoint) throws CheckpointException {
        return save(checkpoint, 1);
    }

    /**
     * Saves like {@link #save(Checkpoint)}, with several ranks at once if the store {@link #shares}: the other ranks
     * {@link #help} meanwhile. Nothing depends on them: this rank writes whatever they do not.
     *
     * @param ranks that save, this one included
     */
    public Saved save(Checkpoint checkpoint, int ranks) throws CheckpointException {
        long step = checkpoint.state().step();
        long start = System.nanoTime();
        try {
            fence(checkpoint.state().generation());
            if (!isWhole(step)) {
                refuseForeignCheckpoint(step);
                known.remove(step);
                store.remove(CheckpointFiles.at(step), Manifest.NAME);
                try {
                    write(checkpoint, ranks);
                } catch (IOException e) {
                    // unfinished checkpoints may be what fills the store; this generation's stay: its commit may be in
                    // doubt
                    sweep(checkpoint.state().generation() - 1);
                    throw e;
                }
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            String problem = problem(step);
            if (!problem.isEmpty()) {
                throw new IOException("the checkpoint does not read back as it was written: " + problem);
            }
            CatalogEntry entry = entry(step, checkpoint.state(), "");
            known.put(step, entry);
            tidy(step, checkpoint.state().generation());
            return new Saved(entry, seconds);
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    "cannot save checkpoint " + CheckpointFiles.at(step) + " to " + store.uri() + ": " + describe(e)
                            + "; training goes on and the next save tries again",
                    e);
        }
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
        if (!owner.replaces() && !isOurs(there) && !there.job().equals(owner.job())) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    CheckpointFiles.at(step) + " in " + store.uri() + " is another training's (job " + there.job()
                            + ", configuration " + there.configDigest()
                            + ") and is kept, so nothing was saved; the next save tries again. Give each training a"
                            + " checkpoint.uri of its own");
        }
    }

    private void write(Checkpoint checkpoint, int ranks) throws IOException, CheckpointException {
        if (ranks > 1) {
            try {
                write(checkpoint, new UploadShare(0, ranks));
                return;
            } catch (IOException e) {
                LOG.warn(
                        "the ranks could not save {} together, rank 0 saves it alone: {}",
                        CheckpointFiles.at(checkpoint.state().step()),
                        describe(e));
            }
        }
        write(checkpoint, UploadShare.ALONE);
    }

    private void write(Checkpoint checkpoint, UploadShare share) throws IOException, CheckpointException {
        CheckpointState state = checkpoint.state();
        try (Store.Draft draft = store.draft(CheckpointFiles.at(state.step()), state.generation(), share)) {
            Map<String, Manifest.ManifestEntry> written =
                    CheckpointFiles.writeTensors(draft, checkpoint, owner.configDigest());
            written.put(CheckpointFiles.STATE, CheckpointFiles.writeState(draft, state));
            fence(state.generation());
            draft.commit(Manifest.NAME, Manifest.of(draft.location(), written).toJson());
        } catch (FileAlreadyExistsException e) {
            if (!isWhole(state.step())) {
                throw e;
            }
        }
    }

    /**
     * Returns whether several ranks save faster than one: each needs its own connection to the store, and the state
     * must be large.
     */
    public boolean shares(long bytes) {
        return store.shares() && bytes >= SHARED_BYTES;
    }

    /**
     * Writes this rank's share of a checkpoint that rank 0 of the same world saves at the same time, from equal bytes.
     *
     * @throws IOException if rank 0 does not save it, or no longer does
     */
    public void help(Checkpoint checkpoint, UploadShare share) throws IOException {
        if (steps().contains(checkpoint.state().step())) {
            return; // rank 0 finds it in the store, too
        }
        try (Store.Draft draft = store.draft(
                CheckpointFiles.at(checkpoint.state().step()),
                checkpoint.state().generation(),
                share)) {
            CheckpointFiles.writeTensors(draft, checkpoint, owner.configDigest());
        }
    }

    /**
     * Writes the backbone alone, with torchvision's names, to {@code export/backbone.safetensors}; returns its
     * location.
     */
    public String export(Checkpoint checkpoint) throws CheckpointException {
        Map<String, HostTensor> backbone = BackboneWeights.of(checkpoint.model());
        try (Store.Sink sink = store.create(BACKBONE)) {
            Safetensors.write(
                    sink,
                    backbone,
                    Map.of(
                            "format",
                            "pt",
                            "step",
                            Long.toString(checkpoint.state().step())));
            sink.commit();
            return store.uri() + "/" + BACKBONE;
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite, "cannot write " + BACKBONE + " to " + store.uri() + ": " + describe(e), e);
        }
    }

    private void fence(long generation) throws CheckpointException, IOException {
        int readable = 0;
        for (long step : steps()) {
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

    /** Removes surplus checkpoints after a save. A failure is logged, and the next save tries again. */
    private void tidy(long saved, long generation) {
        try {
            for (long step : surplus(catalogue(false), saved)) {
                store.remove(CheckpointFiles.at(step), Manifest.NAME);
                known.remove(step);
            }
        } catch (IOException e) {
            LOG.warn("cannot remove old checkpoints from {}, the next save tries again: {}", store.uri(), describe(e));
        }
        sweep(generation);
    }

    /** Removes what dead writers left behind. A failure is logged, and the next save tries again. */
    private void sweep(long generation) {
        try {
            Set<String> locations = new HashSet<>();
            for (long step : steps()) {
                try {
                    locations.add(CheckpointFiles.at(step) + "/"
                            + files.manifest(step).location());
                } catch (CorruptCheckpointException unreadable) {
                    return; // an unreadable checkpoint may point to any files
                }
            }
            store.sweep(generation, locations::contains);
        } catch (IOException e) {
            LOG.warn(
                    "cannot remove unfinished checkpoints from {}, the next save tries again: {}",
                    store.uri(),
                    describe(e));
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

    /** Returns the steps of all committed checkpoints, newest first. */
    private List<Long> steps() throws IOException {
        return store.names().stream()
                .map(COMMITTED::matcher)
                .filter(Matcher::matches)
                .map(matcher -> Long.parseLong(matcher.group(1)))
                .sorted(Comparator.reverseOrder())
                .toList();
    }

    /** Describes an I/O error, even if the JDK's own message is only a file name. */
    private static String describe(IOException e) {
        if (e instanceof FileSystemException file && file.getReason() != null) {
            return file.getReason() + " (" + file.getFile() + ")";
        }
        return e.getClass() == IOException.class
                ? String.valueOf(e.getMessage())
                : e.getClass().getSimpleName() + ": " + e.getMessage();
    }

    @Override
    public void close() {
        store.close();
    }
}
