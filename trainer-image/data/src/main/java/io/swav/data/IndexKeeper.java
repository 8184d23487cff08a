package io.swav.data;

import io.swav.api.TrainerEnv;
import io.swav.common.CacheFolder;
import io.swav.data.BuildClaim.Timing;
import io.swav.data.Inventory.Layout;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the index of a data set at one of its homes, or builds it and keeps it there.
 *
 * <p>An index is used if the data is still what it lists. Shards are listed again at every start, because a thousandth of
 * a data set's names is listed in no time. Loose images are not: their folders' times show whether one was added or
 * removed, and an image of another size is found when it is read. At sources without folders and their times, such as
 * buckets, loose images are taken as indexed.
 */
final class IndexKeeper {
    private static final Logger LOG = LoggerFactory.getLogger(IndexKeeper.class);
    static final String SUFFIX = ".swavidx";

    private final FileSource source;
    private final IndexSettings settings;
    private final List<Place> places;
    private final Path work;
    private final Timing timing;

    private record Place(IndexHome home, String name) {}

    /** An index, and what was found out about it. */
    record Opened(IndexFile index, boolean built, String where) {}

    /**
     * @param homes beside those that the data and this machine have
     * @param timing of claims
     */
    IndexKeeper(FileSource source, IndexSettings settings, List<IndexHome> homes, Path work, Timing timing) {
        this.source = source;
        this.settings = settings;
        this.work = work;
        this.timing = timing;
        List<Place> all = new ArrayList<>();
        source.folder() // wherever the folder is mounted
                .map(folder -> new Place(
                        new FolderHome(folder.base().resolve(FolderHome.BESIDE_DATA)), name(folder.selection())))
                .ifPresent(all::add);
        homes.forEach(home -> all.add(new Place(home, name(source.uri()))));
        all.add(new Place(new FolderHome(work), name(source.uri())));
        this.places = List.copyOf(all);
    }

    /**
     * Returns the folder of this machine in which indexes are built and kept: the cache, or where that cannot be written, as
     * in a container with a read-only root, the folder for temporary files or the one that the operator mounts.
     */
    static Path work() {
        List<Path> candidates = new ArrayList<>(List.of(
                CacheFolder.of(System.getenv()).resolve("index"),
                Path.of(System.getProperty("java.io.tmpdir"), "swav-index")));
        Optional.ofNullable(System.getenv(TrainerEnv.RUN_DIR))
                .ifPresent(run -> candidates.add(Path.of(run, "swav-index")));
        IOException failure = new IOException("no folder for temporary files");
        for (Path candidate : candidates) {
            try {
                Files.createDirectories(candidate);
                Files.delete(Files.createTempFile(candidate, "writable", ""));
                return candidate;
            } catch (IOException e) {
                failure = e;
            }
        }
        throw DataException.cannotWrite(
                "the data's index cannot be written to any of " + candidates
                        + "; mount a volume at one of them, or set XDG_CACHE_HOME to one",
                failure);
    }

    private String name(String of) {
        return key(of, settings) + SUFFIX;
    }

    /** Returns a name for what is kept of this data with these settings. */
    static String key(String uri, IndexSettings settings) {
        byte[] digest = IndexFile.sha256().digest((uri + "\n" + settings.digested()).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest, 0, Long.BYTES);
    }

    /**
     * Opens the index, and builds it if there is none that agrees with the data.
     *
     * @throws DataException if the data cannot be used
     */
    Opened open(IndexProgress progress) {
        try {
            while (true) {
                Optional<Opened> kept = kept();
                if (kept.isPresent()) {
                    return kept.get();
                }
                Optional<Opened> built = build(progress, false);
                if (built.isPresent()) {
                    return built.get();
                }
            }
        } catch (IOException e) {
            throw DataException.cannotRead("the index of " + source.uri() + " cannot be made", e);
        }
    }

    /** Builds the index in any case and keeps it. */
    Opened rebuild(IndexProgress progress) {
        try {
            return build(progress, true).orElseThrow(() -> new IllegalStateException("it was built in any case"));
        } catch (IOException e) {
            throw DataException.cannotRead("the index of " + source.uri() + " cannot be made", e);
        }
    }

    private Optional<Opened> kept() throws IOException {
        for (Place place : places) {
            try {
                Optional<IndexFile> index = fetch(place);
                if (index.isPresent()) {
                    Optional<String> disagreement = disagreement(index.get());
                    if (disagreement.isEmpty()) {
                        return Optional.of(new Opened(index.get(), false, place.home.uri()));
                    }
                    LOG.info(
                            "the index of {} in {} is not used: {}",
                            source.uri(),
                            place.home.uri(),
                            disagreement.get());
                }
            } catch (IndexFile.UnusableIndexException e) {
                LOG.warn("the index {} in {} is built again: {}", place.name, place.home.uri(), e.getMessage());
            } catch (IOException e) {
                LOG.warn("no index is read from {}: {}", place.home.uri(), e.toString());
            }
        }
        return Optional.empty();
    }

    /** Opens a copy: a file that another process replaces on a file server would be gone under its reader. */
    private Optional<IndexFile> fetch(Place place) throws IOException {
        Path copy = Files.createTempFile(work, "read", SUFFIX);
        try {
            if (!place.home.fetch(place.name, copy)) {
                return Optional.empty();
            }
            IndexFile index = IndexFile.open(copy);
            return index.meta().settings().equals(settings.digested()) ? Optional.of(index) : Optional.empty();
        } finally {
            Files.delete(copy);
        }
    }

    /** Returns how the data differs from its index; empty if it does not, as far as that is looked at. */
    private Optional<String> disagreement(IndexFile index) throws IOException {
        return index.meta().inventory().layout() == Layout.Shards ? ofShards(index) : ofFolders(index.meta());
    }

    private Optional<String> ofShards(IndexFile index) throws IOException {
        return IndexDifference.of(source, index, Listing.of(source, IndexProgress.NONE))
                .describe();
    }

    /** Returns what shows that files were added to or removed from folders, without listing them. */
    private Optional<String> ofFolders(IndexMeta meta) throws IOException {
        return ofFolders(source, meta);
    }

    static Optional<String> ofFolders(FileSource source, IndexMeta meta) throws IOException {
        for (Map.Entry<String, String> folder : meta.folders().entrySet()) {
            Optional<String> version;
            try {
                version = source.folderVersion(folder.getKey());
            } catch (NoSuchFileException e) {
                return Optional.of("the folder " + folder.getKey() + " is gone");
            }
            if (version.isPresent() && !version.get().equals(folder.getValue())) {
                return Optional.of("something was added to or removed from the folder "
                        + (folder.getKey().isEmpty() ? source.uri() : folder.getKey()));
            }
        }
        return Optional.empty();
    }

    /** Stops the building because another process builds the same index. */
    @SuppressWarnings("serial")
    private static final class BuiltElsewhereException extends RuntimeException {
        private final transient Place place;

        BuiltElsewhereException(Place place) {
            super("another process builds the index", null, false, false);
            this.place = place;
        }
    }

    /**
     * Builds the index; empty if another process does so, or has done so meanwhile.
     *
     * @param always whether it is built and kept even if that takes no time or another process does it
     */
    private Optional<Opened> build(IndexProgress progress, boolean always) throws IOException {
        long start = System.nanoTime();
        try (Claims claims = new Claims(start, always)) {
            IndexProgress claiming = (files, total, samples) -> {
                claims.claimWhenWorth();
                progress.at(files, total, samples);
            };
            Path file = IndexBuilder.build(source, settings, Listing.of(source, claiming), claiming, work);
            try {
                boolean worth =
                        always || System.nanoTime() - start >= timing.worth().toNanos();
                String where = worth ? keep(file) : "";
                return Optional.of(new Opened(IndexFile.open(file), true, where));
            } finally {
                Files.deleteIfExists(file);
            }
        } catch (BuiltElsewhereException e) {
            await(e.place);
            return Optional.empty();
        }
    }

    private void await(Place place) throws IOException {
        LOG.info("waiting for the index of {}, which another process writes to {}", source.uri(), place.home.uri());
        while (BuildClaim.isHeld(place.home, place.name, timing)) {
            LOG.debug("the index is being built");
        }
    }

    /** Stores the index at the first home that takes it. */
    private String keep(Path file) {
        for (Place place : places) {
            try {
                place.home.store(place.name, file);
                return place.home.uri();
            } catch (IOException e) {
                LOG.info("no index is kept in {}: {}", place.home.uri(), e.toString());
            }
        }
        LOG.warn("the index of {} is kept nowhere: the next start builds it again", source.uri());
        return "";
    }

    /** Claims the index once its building has taken so long that others should wait for it. */
    private final class Claims implements AutoCloseable {
        private final long start;
        private final boolean always;
        private boolean tried;
        private Optional<BuildClaim> held = Optional.empty();

        Claims(long start, boolean always) {
            this.start = start;
            this.always = always;
        }

        void claimWhenWorth() {
            if (tried || System.nanoTime() - start < timing.worth().toNanos()) {
                return;
            }
            tried = true;
            for (Place place : places) {
                try {
                    held = BuildClaim.acquire(
                            place.home, place.name, UUID.randomUUID().toString(), timing);
                    if (held.isEmpty() && !always) {
                        throw new BuiltElsewhereException(place);
                    }
                    return;
                } catch (IOException e) {
                    LOG.debug("no index can be claimed in {}", place.home.uri(), e);
                }
            }
        }

        @Override
        public void close() {
            held.ifPresent(BuildClaim::close);
        }
    }

    /** Removes the index where it is kept, because the data was found to be another one. */
    void discard() {
        for (Place place : places) {
            try {
                place.home.remove(place.name);
            } catch (IOException e) {
                LOG.debug("an index that cannot be removed from {}", place.home.uri(), e);
            }
        }
    }
}
