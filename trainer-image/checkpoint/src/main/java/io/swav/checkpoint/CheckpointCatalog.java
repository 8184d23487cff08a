package io.swav.checkpoint;

import io.swav.checkpoint.CheckpointException.Kind;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The checkpoints of one training in a {@link Store}: {@code step-N/} with {@code model.safetensors}, {@code
 * optimizer.safetensors}, {@code state.json} and, written last, {@code MANIFEST.json}. Whenever a process dies, a
 * manifest exists only if all files that it names exist. Thread-safe; {@link
 * #newest} and {@link #save} wait for one another, because a save removes old checkpoints.
 */
public final class CheckpointCatalog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointCatalog.class);
    private static final String BACKBONE = "export/backbone.safetensors";
    /** Ranks save together from this size on; below it, coordinating takes as long as writing. */
    private static final long SHARED_BYTES = 64L << 20;

    /**
     * The training whose checkpoints are resumed and, if there are too many, removed.
     *
     * @param job uid of the SwavJob, empty outside a cluster
     * @param configDigest digest of the configuration; empty accepts any configuration's checkpoints
     * @param replaces whether a save may replace another training's checkpoint of the same step
     * @param settings of the configuration, to name those in which another one differs; may be empty
     */
    public record Owner(String job, String configDigest, boolean replaces, SortedMap<String, String> settings) {
        /** Creates an owner that does not name settings. */
        public Owner(String job, String configDigest, boolean replaces) {
            this(job, configDigest, replaces, new TreeMap<>());
        }

        /** Creates an owner that leaves other trainings' checkpoints alone. */
        public Owner(String job, String configDigest) {
            this(job, configDigest, false);
        }

        /** Returns whether a checkpoint is one of this configuration. */
        boolean accepts(CheckpointState state) {
            return configDigest.isEmpty() || state.configDigest().equals(configDigest);
        }

        private String difference(CheckpointState state) {
            List<String> settings = state.trainedWith().changedSettings(this.settings);
            return settings.isEmpty() ? "" : ": " + String.join(", ", settings);
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

        boolean unusable() {
            return problem.filter(text -> !text.isEmpty()).isPresent();
        }

        CatalogEntry judged(String verdict) {
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
    private final StoreGuard guard;
    private final CheckpointIndex index;
    private final CheckpointCommitter committer;
    private final CheckpointPruner pruner;
    private final NotFiniteCaptures captures;
    private final HistoryStore history;
    private volatile List<String> classes = List.of();

    /**
     * Creates a catalog for reading, or for a store that certainly no other training uses.
     *
     * @param keep how many of the newest checkpoints are kept
     */
    public CheckpointCatalog(Store store, Owner owner, int keep) {
        this(store, owner, keep, StoreGuard.unguarded(owner.job()));
    }

    /**
     * Creates a catalog that writes only while the store belongs to this training.
     *
     * @param lease of the same store
     */
    public CheckpointCatalog(Store store, Owner owner, int keep, StoreLease lease) {
        this(store, owner, keep, StoreGuard.of(lease));
    }

    CheckpointCatalog(Store store, Owner owner, int keep, StoreGuard guard) {
        this.store = store;
        this.files = new CheckpointFiles(store);
        this.owner = owner;
        this.guard = guard;
        this.index = new CheckpointIndex(store, files, owner);
        this.committer = new CheckpointCommitter(store, files, index, owner, guard);
        this.pruner = new CheckpointPruner(store, files, index, owner, guard, keep);
        this.captures = new NotFiniteCaptures(store, guard);
        this.history = new HistoryStore(store, guard);
    }

    /** Sets the names of the training set's classes, which an exported backbone carries. */
    public void classes(List<String> names) {
        classes = List.copyOf(names);
    }

    /** Sets how many of the newest checkpoints are kept, from the next save on. */
    public void keep(int newest) {
        pruner.keep(newest);
    }

    /** Returns which training the store belongs to; empty if this catalog does not ask. */
    public Optional<StoreLease> lease() {
        return guard.lease();
    }

    /** Returns the bytes of Java heap that writing a checkpoint takes. */
    public long heapBytes() {
        return store.heapBytes();
    }

    /** Returns the store, for files that are no checkpoints. */
    public Store store() {
        return store;
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
        return newest(startOver, checkpoint -> Optional.empty());
    }

    /**
     * Returns the newest checkpoint, as above, that also suits its user.
     *
     * @param mismatch returns why a checkpoint that verifies cannot be used; empty if it can
     */
    public synchronized Optional<Checkpoint> newest(boolean startOver, Function<Checkpoint, Optional<String>> mismatch)
            throws CheckpointException {
        Map<Long, String> passedOver = new LinkedHashMap<>();
        try {
            for (long step : index.steps()) {
                try {
                    Checkpoint checkpoint = load(step);
                    Optional<String> why = mismatch.apply(checkpoint);
                    if (why.isPresent()) {
                        throw new CorruptCheckpointException(why.get());
                    }
                    index.verified(checkpoint.state());
                    return Optional.of(checkpoint);
                } catch (CorruptCheckpointException e) {
                    String problem = String.valueOf(e.getMessage());
                    LOG.warn(
                            "checkpoint {} cannot be used, trying the next older one: {}",
                            CheckpointFiles.at(step),
                            problem);
                    passedOver.put(step, problem);
                    index.unusable(step, problem);
                }
            }
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotRead,
                    "cannot read checkpoints of " + store.uri() + ": " + CheckpointException.describe(e),
                    e);
        }
        if (!passedOver.isEmpty() && !startOver) {
            throw noneUsable(passedOver);
        }
        return Optional.empty();
    }

    private CheckpointException noneUsable(Map<Long, String> problems) {
        String each = problems.entrySet().stream()
                .map(problem -> "step-" + problem.getKey() + " " + problem.getValue())
                .collect(Collectors.joining("; "));
        return new CheckpointException(
                Kind.NoneUsable,
                store.uri() + " holds checkpoints, but none can be resumed: " + each
                        + ". Nothing was lost or changed: restore the files, or start from zero with"
                        + " recovery.startOver: true (if the job is Failed: delete it and apply it again) or with another"
                        + " checkpoint.uri in a new job");
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
        if (!owner.accepts(state)) {
            throw new CorruptCheckpointException("belongs to another configuration (digest " + state.configDigest()
                    + ", this job's is " + owner.configDigest() + ")" + owner.difference(state));
        }
        return state;
    }

    /**
     * Returns whether this step was saved for this configuration and is undamaged; false if the store cannot be read.
     */
    public boolean holds(long step) {
        try {
            return index.isWhole(step);
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Returns all existing checkpoints, newest first.
     *
     * @param verify whether to fully read those that this process has not read yet
     */
    public List<CatalogEntry> catalogue(boolean verify) throws IOException {
        return index.entries(verify);
    }

    /**
     * Commits a checkpoint, reads it back, and removes the oldest checkpoints beyond {@code keep}. A checkpoint of the
     * same step that exists and verifies is left as it is. So is one of another configuration and another job, unless
     * the owner replaces such checkpoints.
     *
     * @throws CheckpointException if the store cannot be written, holds another training's checkpoint of this step, or
     *     holds one of a later generation (then this writer's world has been replaced), or if a value is not finite
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
    public synchronized Saved save(Checkpoint checkpoint, int ranks) throws CheckpointException {
        long step = checkpoint.state().step();
        long start = System.nanoTime();
        try {
            commit(checkpoint, ranks);
            double seconds = (System.nanoTime() - start) / 1e9;
            String problem = index.problem(step);
            if (!problem.isEmpty()) {
                throw new IOException("the checkpoint does not read back as it was written: " + problem);
            }
            CatalogEntry entry = index.verified(checkpoint.state());
            pruner.tidy(step, checkpoint.state().generation());
            return new Saved(entry, seconds);
        } catch (NotFiniteTensorException e) {
            throw notFinite("checkpoint " + CheckpointFiles.at(step) + " is not saved: ", e);
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    "cannot save checkpoint " + CheckpointFiles.at(step) + " to " + store.uri() + ": "
                            + CheckpointException.describe(e),
                    e);
        }
    }

    private void commit(Checkpoint checkpoint, int ranks) throws IOException, CheckpointException {
        long step = checkpoint.state().step();
        long generation = checkpoint.state().generation();
        committer.fence(generation);
        if (index.isWhole(step)) {
            return;
        }
        committer.clear(step);
        try {
            committer.write(checkpoint, ranks);
        } catch (IOException e) {
            // unfinished checkpoints may be what fills the store; this generation's stay: its commit may be in doubt
            pruner.sweep(generation - 1);
            throw e;
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
        committer.help(checkpoint, share);
    }

    /**
     * Writes the backbone alone, with torchvision's names, to {@code export/backbone.safetensors}; returns its
     * location.
     */
    public String export(Checkpoint checkpoint) throws CheckpointException {
        Map<String, HostTensor> backbone = BackboneWeights.of(checkpoint.model());
        try (Store.Sink sink = export(checkpoint.state().generation())) {
            Safetensors.write(sink, backbone, BackboneWeights.metadata(checkpoint.state(), classes));
            sink.commit();
            return store.uri() + "/" + BACKBONE;
        } catch (NotFiniteTensorException e) {
            throw notFinite(BACKBONE + " is not written: ", e);
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    "cannot write " + BACKBONE + " to " + store.uri() + ": " + CheckpointException.describe(e),
                    e);
        }
    }

    /** Returns the captures of steps that were not finite; they may be used while another thread uses the catalog. */
    public NotFiniteCaptures captures() {
        return captures;
    }

    /** Returns the job's history; it may be used while another thread uses the catalog. */
    public HistoryStore history() {
        return history;
    }

    private Store.Sink export(long generation) throws IOException {
        guard.require();
        return store.create(BACKBONE, guard.writer(generation));
    }

    private CheckpointException notFinite(String what, NotFiniteTensorException e) {
        return new CheckpointException(
                Kind.NotFinite,
                what + e.getMessage() + ", so the training has diverged or its memory was damaged. The checkpoints in "
                        + store.uri()
                        + " stay as they are; to train on with other settings, import the weights of one of"
                        + " them into a new job (swav import), for example with a lower learning rate",
                e);
    }

    @Override
    public void close() {
        store.close();
    }
}
