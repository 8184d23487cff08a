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
 * optimizer.safetensors}, {@code state.json} and, last of all, {@code MANIFEST.json}. Whatever dies when, a manifest is
 * there only where all it names is there. One thread at a time.
 */
public final class CheckpointCatalog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointCatalog.class);
    private static final Pattern COMMITTED = Pattern.compile("step-(\\d+)/" + Pattern.quote(Manifest.NAME));
    private static final String BACKBONE = "export/backbone.safetensors";
    /** Checkpoints that the fence reads; a writer left behind is at most one checkpoint ahead of its world. */
    private static final int FENCE = 5;
    /** From here on ranks save together: below, finding each other takes as long as writing. */
    private static final long SHARED_BYTES = 64L << 20;

    /**
     * Whose checkpoints are resumed and, when there are too many, removed.
     *
     * @param job uid of the SwavJob, empty outside a cluster
     * @param configDigest empty takes any configuration's
     * @param replaces whether a save may replace another training's checkpoint of the same step
     */
    public record Owner(String job, String configDigest, boolean replaces) {
        /** One that leaves other trainings' checkpoints alone. */
        public Owner(String job, String configDigest) {
            this(job, configDigest, false);
        }
    }

    /**
     * A checkpoint as the catalogue tells of it.
     *
     * @param digest SHA-256 of model.safetensors
     * @param bytes of all its files
     * @param problem why it cannot be used; empty when it verified, absent when nobody looked yet
     */
    public record Entry(CheckpointState state, String digest, long bytes, Optional<String> problem) {
        public boolean verified() {
            return problem.filter(String::isEmpty).isPresent();
        }

        private boolean unusable() {
            return problem.filter(text -> !text.isEmpty()).isPresent();
        }

        private Entry judged(String verdict) {
            return new Entry(state, digest, bytes, Optional.of(verdict));
        }
    }

    /**
     * A save that is committed.
     *
     * @param seconds that it took
     */
    public record Saved(Entry entry, double seconds) {}

    private final Store store;
    private final CheckpointFiles files;
    private final Owner owner;
    private final int keep;
    private final Map<Long, Entry> known = new ConcurrentSkipListMap<>(Comparator.reverseOrder());

    /** @param keep newest checkpoints that stay */
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
     * The newest checkpoint of this configuration that verifies.
     *
     * @param startOver whether none at all is an answer where there are some that cannot be used
     * @throws CheckpointException when the store cannot be read now, or all it holds is unusable
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
                    LOG.warn("passing over checkpoint {}: {}", CheckpointFiles.at(step), problem);
                    passedOver.put(step, problem);
                    known.put(step, head(step).judged(problem));
                }
            }
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotRead, "cannot read checkpoints of " + store.uri() + ": " + told(e), e);
        }
        if (!passedOver.isEmpty() && !startOver) {
            throw new CheckpointException(
                    Kind.NoneUsable,
                    store.uri() + " holds checkpoints, none can be resumed: "
                            + passedOver.entrySet().stream()
                                    .map(each -> "step-" + each.getKey() + " " + each.getValue())
                                    .collect(Collectors.joining("; "))
                            + ". Nothing was lost or changed: choose another checkpoint.uri, restore the files, or start"
                            + " from zero with recovery.startOver: true (a job that is Failed: delete it, apply it"
                            + " again)");
        }
        return Optional.empty();
    }

    /**
     * Reads a checkpoint whole, and checks every byte of it on the way.
     *
     * @throws IOException also when it is damaged, missing, or of another configuration
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

    /** Whether this step was saved for this configuration, and is undamaged; false when the store cannot be read. */
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

    /** What is wrong with a checkpoint; empty when every byte of it is what was written, for this configuration. */
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
     * All checkpoints there are, newest first.
     *
     * @param verify reads those whole that this process has not seen yet
     */
    public List<Entry> catalogue(boolean verify) throws IOException {
        List<Long> steps = steps();
        known.keySet().retainAll(steps);
        List<Entry> all = new ArrayList<>();
        for (long step : steps) {
            Entry entry = head(step);
            if (verify && entry.problem().isEmpty()) {
                entry = entry.judged(problem(step));
                known.put(step, entry);
            }
            all.add(entry);
        }
        return all;
    }

    private Entry head(long step) throws IOException {
        Entry entry = known.get(step);
        if (entry == null) {
            try {
                Manifest manifest = files.manifest(step);
                entry = entry(files.state(step, manifest), manifest, Optional.empty());
            } catch (CorruptCheckpointException e) {
                CheckpointState unreadable = new CheckpointState(step, 0, 0, "", 0, "", 0, "");
                entry = new Entry(unreadable, "", 0, Optional.of(String.valueOf(e.getMessage())));
            }
            known.put(step, entry);
        }
        return entry;
    }

    private Entry entry(long step, CheckpointState state, String problem) throws IOException {
        return entry(state, files.manifest(step), Optional.of(problem));
    }

    private static Entry entry(CheckpointState state, Manifest manifest, Optional<String> problem) {
        Manifest.Entry model = manifest.files().get(CheckpointFiles.MODEL);
        long bytes = manifest.files().values().stream()
                .mapToLong(Manifest.Entry::bytes)
                .sum();
        return new Entry(state, model == null ? "" : model.sha256(), bytes, problem);
    }

    /**
     * Commits a checkpoint, reads it back, and removes the oldest ones past {@code keep}. A step that is there already
     * and verifies stays as it is, and so does one of another configuration and another job, unless the owner replaces.
     *
     * @throws CheckpointException when the store cannot be written, holds another training's checkpoint of this step, or
     *     one of a later generation: this writer was left behind by its world
     */
    public Saved save(Checkpoint checkpoint) throws CheckpointException {
        return save(checkpoint, 1);
    }

    /**
     * The same by several ranks at once, where the store {@link #shares}: the others {@link #help} meanwhile. Nothing
     * depends on them; what they do not bring this rank writes itself.
     *
     * @param ranks that save, this one included
     */
    public Saved save(Checkpoint checkpoint, int ranks) throws CheckpointException {
        long step = checkpoint.state().step();
        long start = System.nanoTime();
        try {
            fence(checkpoint.state().generation());
            if (!isWhole(step)) {
                spare(step);
                known.remove(step);
                store.remove(CheckpointFiles.at(step), Manifest.NAME);
                try {
                    write(checkpoint, ranks);
                } catch (IOException e) {
                    // may be what fills the store; this world's own stays, as its commit can be in doubt
                    sweep(checkpoint.state().generation() - 1);
                    throw e;
                }
            }
            double seconds = (System.nanoTime() - start) / 1e9;
            String problem = problem(step);
            if (!problem.isEmpty()) {
                throw new IOException("what was written does not read back: " + problem);
            }
            Entry entry = entry(step, checkpoint.state(), "");
            known.put(step, entry);
            tidy(step, checkpoint.state().generation());
            return new Saved(entry, seconds);
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    "cannot save checkpoint " + CheckpointFiles.at(step) + " to " + store.uri() + ": " + told(e)
                            + "; training goes on and the next save tries again",
                    e);
        }
    }

    /** Two trainings whose steps fall together would otherwise remove each other's checkpoints. */
    private void spare(long step) throws CheckpointException, IOException {
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
                            + ") and stays; the next save tries again. Give each training a checkpoint.uri of its own");
        }
    }

    private void write(Checkpoint checkpoint, int ranks) throws IOException, CheckpointException {
        if (ranks > 1) {
            try {
                write(checkpoint, new UploadShare(0, ranks));
                return;
            } catch (IOException e) {
                LOG.warn(
                        "{} is saved by one rank now: {}",
                        CheckpointFiles.at(checkpoint.state().step()),
                        told(e));
            }
        }
        write(checkpoint, UploadShare.ALONE);
    }

    private void write(Checkpoint checkpoint, UploadShare share) throws IOException, CheckpointException {
        CheckpointState state = checkpoint.state();
        try (Store.Draft draft = store.draft(CheckpointFiles.at(state.step()), state.generation(), share)) {
            Map<String, Manifest.Entry> written = CheckpointFiles.writeTensors(draft, checkpoint, owner.configDigest());
            written.put(CheckpointFiles.STATE, CheckpointFiles.writeState(draft, state));
            fence(state.generation());
            draft.commit(Manifest.NAME, Manifest.of(draft.location(), written).toJson());
        } catch (FileAlreadyExistsException e) {
            if (!isWhole(state.step())) {
                throw e;
            }
        }
    }

    /** Whether several ranks save faster than one: where each has its own line to the store, and for large states. */
    public boolean shares(long bytes) {
        return store.shares() && bytes >= SHARED_BYTES;
    }

    /**
     * Writes this rank's share of a checkpoint that rank 0 of the same world saves at the same time, from equal bytes.
     *
     * @throws IOException when it does not, or not any more
     */
    public void help(Checkpoint checkpoint, UploadShare share) throws IOException {
        if (steps().contains(checkpoint.state().step())) {
            return; // rank 0 finds it there, too
        }
        try (Store.Draft draft = store.draft(
                CheckpointFiles.at(checkpoint.state().step()),
                checkpoint.state().generation(),
                share)) {
            CheckpointFiles.writeTensors(draft, checkpoint, owner.configDigest());
        }
    }

    /** Leaves the backbone alone, by torchvision's names, in {@code export/backbone.safetensors}; returns where. */
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
                    Kind.CannotWrite, "cannot write " + BACKBONE + " to " + store.uri() + ": " + told(e), e);
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

    /** After a save: what fails here is told, and tried again after the next one. */
    private void tidy(long saved, long generation) {
        try {
            for (long step : surplus(catalogue(false), saved)) {
                store.remove(CheckpointFiles.at(step), Manifest.NAME);
                known.remove(step);
            }
        } catch (IOException e) {
            LOG.warn("old checkpoints stay in {} for now: {}", store.uri(), told(e));
        }
        sweep(generation);
    }

    /** Removes what dead writers left; what fails here is told, and tried again after the next save. */
    private void sweep(long generation) {
        try {
            Set<String> locations = new HashSet<>();
            for (long step : steps()) {
                try {
                    locations.add(CheckpointFiles.at(step) + "/"
                            + files.manifest(step).location());
                } catch (CorruptCheckpointException unreadable) {
                    return; // what it points at is not known
                }
            }
            store.sweep(generation, locations::contains);
        } catch (IOException e) {
            LOG.warn("unfinished checkpoints stay in {} for now: {}", store.uri(), told(e));
        }
    }

    /**
     * Which checkpoints are one too many: of this configuration's, and of those that are nobody's as they cannot be read,
     * all that are older than the newest {@code keep} good ones. Never the one that was saved and verified last, whatever
     * newer ones there seem to be.
     */
    private List<Long> surplus(List<Entry> newestFirst, long verified) {
        List<Long> surplus = new ArrayList<>();
        int good = 0;
        for (Entry entry : newestFirst) {
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

    /** Steps of the checkpoints that were committed, newest first. */
    private List<Long> steps() throws IOException {
        return store.names().stream()
                .map(COMMITTED::matcher)
                .filter(Matcher::matches)
                .map(matcher -> Long.parseLong(matcher.group(1)))
                .sorted(Comparator.reverseOrder())
                .toList();
    }

    /** A message that says what happened also where the JDK's is only a file's name. */
    private static String told(IOException e) {
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
