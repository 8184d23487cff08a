package io.swav.checkpoint;

import io.swav.api.Shown;
import io.swav.checkpoint.CheckpointCatalog.CatalogEntry;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Knows which checkpoints a store holds and which of them are usable. A checkpoint is read in full only once. */
final class CheckpointIndex {
    private static final Logger LOG = LoggerFactory.getLogger(CheckpointIndex.class);
    /** The names that this trainer writes: eighteen digits fit a long, and every step has one name. */
    private static final Pattern COMMITTED = Pattern.compile("step-(0|[1-9]\\d{0,17})/" + Pattern.quote(Manifest.NAME));

    private static final Pattern LIKE_COMMITTED = Pattern.compile("step-[^/]*/" + Pattern.quote(Manifest.NAME));

    private final Store store;
    private final CheckpointFiles files;
    private final CheckpointCatalog.Owner owner;
    /** Names that have been logged. */
    private final Set<String> passedOver = ConcurrentHashMap.newKeySet();

    private final Map<Long, CatalogEntry> known = new ConcurrentSkipListMap<>(Comparator.reverseOrder());

    CheckpointIndex(Store store, CheckpointFiles files, CheckpointCatalog.Owner owner) {
        this.store = store;
        this.files = files;
        this.owner = owner;
    }

    /** Returns the steps of all committed checkpoints, newest first. */
    List<Long> steps() throws IOException {
        List<Long> steps = new ArrayList<>();
        for (String name : store.names()) {
            Matcher committed = COMMITTED.matcher(name);
            if (committed.matches()) {
                steps.add(Long.parseLong(committed.group(1)));
            } else if (LIKE_COMMITTED.matcher(name).matches() && passedOver.add(Shown.of(name))) {
                LOG.warn(
                        "{} in {} is passed over: no trainer writes this name. If it is a checkpoint, rename its folder to"
                                + " step- and the number of steps in its state.json",
                        Shown.of(name),
                        store.uri());
            }
        }
        steps.sort(Comparator.reverseOrder());
        return steps;
    }

    /** Returns whether this step was saved for this configuration and is undamaged. */
    boolean isWhole(long step) throws IOException {
        return steps().contains(step) && problem(step).isEmpty();
    }

    /**
     * Returns what is wrong with a checkpoint; empty if every byte of it is what was written, for this configuration.
     */
    String problem(long step) throws IOException {
        try {
            Manifest manifest = files.manifest(step);
            CheckpointState state = files.state(step, manifest);
            for (String file : manifest.files().keySet()) {
                files.check(step, manifest, file);
            }
            return owner.accepts(state) ? "" : "belongs to another configuration (digest " + state.configDigest() + ")";
        } catch (CorruptCheckpointException e) {
            return String.valueOf(e.getMessage());
        }
    }

    /**
     * Returns all existing checkpoints, newest first.
     *
     * @param verify whether to fully read those that have not been read yet
     */
    List<CatalogEntry> entries(boolean verify) throws IOException {
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

    private static CatalogEntry entry(CheckpointState state, Manifest manifest, Optional<String> problem) {
        Manifest.ManifestEntry model = manifest.files().get(CheckpointFiles.MODEL);
        long bytes = manifest.files().values().stream()
                .mapToLong(Manifest.ManifestEntry::bytes)
                .sum();
        return new CatalogEntry(state, model == null ? "" : model.sha256(), bytes, problem);
    }

    /** Records that a checkpoint was read in full and is usable. */
    CatalogEntry verified(CheckpointState state) throws IOException {
        CatalogEntry entry = entry(state, files.manifest(state.step()), Optional.of(""));
        known.put(state.step(), entry);
        return entry;
    }

    /** Records that a checkpoint cannot be used. */
    void unusable(long step, String problem) throws IOException {
        known.put(step, head(step).judged(problem));
    }

    /** Forgets a checkpoint that is removed or replaced. */
    void forget(long step) {
        known.remove(step);
    }
}
