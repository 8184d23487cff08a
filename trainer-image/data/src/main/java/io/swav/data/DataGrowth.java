package io.swav.data;

import io.swav.api.DataLedger;
import io.swav.common.DaemonThreads;
import io.swav.common.Deadline;
import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks now and then whether there are more files at the source of a training's data, on the trainer that leads. If the data
 * may grow, new files are indexed and kept with the training, and then offered; which epoch sees them is decided by all trainers
 * together. If it may not, they are named.
 *
 * <p>A file is new when two looks in a row found it with the same size and version: one that is still being copied is not
 * taken. While a file that training has seen is changed or gone, nothing new is taken.
 */
public final class DataGrowth implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DataGrowth.class);
    /** Looks take at most a tenth of the time, because listing a bucket costs money. */
    private static final long LOOKING_SHARE = 10;
    /** How long the trainers wait for a decision to be written, between two epochs. */
    private static final Duration DECISION = Duration.ofSeconds(5);
    /** A version that no folder has, so that it is listed again. */
    private static final String UNKNOWN_VERSION = "?";

    private final FileSource source;
    private final IndexSettings settings;
    private final IndexedDataSet data;
    private final TrainingSets sets;
    private final boolean takes;
    private final Path work;
    private final Duration pause;
    private final ExecutorService writer = Executors.newSingleThreadExecutor(DaemonThreads.named("data-ledger"));
    private final Thread thread = DaemonThreads.create("data-growth", this::watch);

    // guarded by this
    private boolean leads;
    private boolean closed;
    private boolean looked;
    private Optional<String> state = Optional.empty();

    /** The new files of the last look; only the looking thread uses it. */
    private Set<SourceFile> before = Set.of();

    /**
     * @param takes whether new files are taken
     * @param pause between two looks, at least
     */
    DataGrowth(
            FileSource source,
            IndexSettings settings,
            IndexedDataSet data,
            TrainingSets sets,
            boolean takes,
            Path work,
            Duration pause) {
        this.source = source;
        this.settings = settings;
        this.data = data;
        this.sets = sets;
        this.takes = takes;
        this.work = work;
        this.pause = pause;
        thread.start();
    }

    /** Sets whether this trainer is the one that looks. */
    public synchronized void lead(boolean now) {
        leads = now;
        notifyAll();
    }

    /** Returns the largest set that can be entered now, if it is larger than the newest of this ledger. */
    public Optional<DataFingerprint> offer(DataLedger ledger) {
        DataFingerprint newest = data.index().meta().fingerprint();
        return newest.samples() > ledger.newest().samples() && data.index().covers(ledger)
                ? Optional.of(newest)
                : Optional.empty();
    }

    /** Whether it has looked at least once, so that its state is newer than what was found when the data was opened. */
    synchronized boolean hasLooked() {
        return looked;
    }

    /** Returns what is at the source but not offered, and why; empty if there is nothing. */
    public synchronized Optional<String> state() {
        return state;
    }

    private void watch() {
        try {
            while (awaitTurn()) {
                long start = System.nanoTime();
                look();
                Duration took = Duration.ofNanos(System.nanoTime() - start);
                Duration next = took.multipliedBy(LOOKING_SHARE);
                synchronized (this) {
                    Deadline.await(this, next.compareTo(pause) > 0 ? next : pause, () -> closed);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized boolean awaitTurn() throws InterruptedException {
        while (!leads && !closed) {
            wait();
        }
        return !closed;
    }

    /** Looks once. Nothing may end the thread: training goes on with the sets that it has. */
    void look() {
        Optional<String> found;
        try {
            found = offerNew();
        } catch (DataException e) {
            found = Optional.of("nothing new is taken: " + e.getMessage());
        } catch (IOException | UncheckedIOException e) {
            found = Optional.of("the source cannot be looked at now: " + e.getMessage());
        } catch (RuntimeException | Error e) {
            LOG.warn("a look at {} failed", source.uri(), e);
            found = Optional.of("a look at the source failed: " + e);
        }
        synchronized (this) {
            if (found.isPresent() && !found.equals(state)) {
                LOG.info("{}: {}", source.uri(), found.get());
            }
            state = found;
            looked = true;
        }
    }

    private Optional<String> offerNew() throws IOException {
        IndexFile base = data.index();
        boolean shards = base.meta().inventory().layout() == Inventory.Layout.Shards;
        boolean hasTimes = source.folderVersion("").isPresent();
        if (!shards && (hasTimes ? IndexKeeper.ofFolders(source, base.meta()).isEmpty() : !takes)) {
            return Optional.empty(); // to list all images costs much, where folders do not show what was added
        }
        Listing listing = Listing.of(source, IndexProgress.NONE);
        if (listing.layout().layout() != base.meta().inventory().layout()) {
            return Optional.of("nothing new is taken: the data was "
                    + base.meta().inventory().layout().text() + " and is now "
                    + listing.layout().layout().text());
        }
        IndexDifference difference = IndexDifference.of(source, base, listing);
        if (!takes) {
            return difference.describe().map(what -> TrainingData.notUsed(what, false));
        }
        if (!difference.onlyAdds()) {
            return Optional.of("nothing new is taken while files that were trained on differ: "
                    + difference.describe().orElse("") + "; put them back as they were");
        }
        Set<SourceFile> seen = before;
        before = Set.copyOf(difference.added());
        List<SourceFile> settled =
                difference.added().stream().filter(seen::contains).toList();
        int unsettled = difference.added().size() - settled.size();
        if (!settled.isEmpty()) {
            offer(base, listing, settled, unsettled > 0);
        }
        return unsettled == 0
                ? Optional.empty()
                : Optional.of(difference.describe().orElse("") + "; " + unsettled
                        + " of them are taken if they are still the same at the next look");
    }

    private void offer(IndexFile base, Listing listing, List<SourceFile> added, boolean more) throws IOException {
        Listing recorded =
                more ? new Listing(listing.layout(), listing.ignored(), unknown(listing.folders())) : listing;
        Path file = IndexBuilder.extend(source, settings, recorded, base, added, IndexProgress.NONE, work);
        IndexFile larger;
        try {
            larger = IndexFile.open(file);
        } finally {
            Files.deleteIfExists(file);
        }
        if (larger.samples() == base.samples()) {
            throw DataException.badData(added.size() + " new files hold no images, the first is "
                    + source.place(added.get(0).name()));
        }
        sets.keep(larger);
        data.extend(larger);
        LOG.info(
                "{}: {} new files with {} images are indexed; the next epoch sees them if all trainers open the index",
                source.uri(),
                added.size(),
                larger.samples() - base.samples());
    }

    private static Map<String, String> unknown(Map<String, String> folders) {
        Map<String, String> unknown = new TreeMap<>();
        folders.keySet().forEach(name -> unknown.put(name, UNKNOWN_VERSION));
        return unknown;
    }

    /** Opens the index of the newest set of this ledger; false if that is not possible now. */
    public boolean open(DataLedger ledger) {
        try {
            TrainingData.requireCovered(data, sets, ledger);
            return true;
        } catch (DataException e) {
            LOG.warn("the index of a larger set is not opened now: {}", e.getMessage());
            return false;
        }
    }

    /** Reads the ledger that this training has written; empty if there is none. */
    public Optional<DataLedger> written() throws IOException {
        return sets.ledger();
    }

    /**
     * Writes a decision before the epoch's first step, so that training that goes back comes to it again.
     *
     * @param decided with what was decided
     * @param otherwise what holds if that cannot be written now; it is written later
     * @return which of the two holds
     */
    public DataLedger decide(DataLedger decided, DataLedger otherwise) {
        Future<?> writing = writer.submit(() -> {
            sets.write(decided);
            return null;
        });
        try {
            writing.get(DECISION.toMillis(), TimeUnit.MILLISECONDS);
            var unused = writer.submit(() -> removeCovered(otherwise));
            return decided;
        } catch (ExecutionException e) {
            LOG.warn("{} cannot be written now: {}", sets.place(), String.valueOf(e.getCause()));
        } catch (TimeoutException e) {
            LOG.warn("{} was not written within {} s", sets.place(), DECISION.toSeconds());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        var unused = writer.submit(() -> {
            sets.write(otherwise);
            return null;
        });
        return otherwise;
    }

    /**
     * Removes the indexes that nobody needs any more: that of the newest set covers them, and an epoch that saw that set has been
     * trained. A set that was only just decided on may yet be decided against, if a trainer dies now.
     */
    private void removeCovered(DataLedger ledger) {
        for (DataFingerprint set : data.index().meta().sets()) {
            if (set.samples() < ledger.newest().samples()) {
                try {
                    sets.remove(set.digest());
                } catch (IOException e) {
                    LOG.debug("an index that is not needed any more stays", e);
                }
            }
        }
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        writer.shutdown();
    }
}
