package io.swav.data;

import io.swav.api.DataLedger;
import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import io.swav.data.BuildClaim.Timing;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The data of one training. A training remembers in its checkpoint store which set it began with, and every pod of it opens
 * that one, whatever was added at the source since. If {@code data.grow} is set, what is added enters at an epoch.
 *
 * @param data the newest set that was opened; the sets of {@code ledger} are its first samples
 * @param ledger as it was when the data was opened
 * @param growth takes what is added, or names it; empty if that is not looked for
 * @param grows whether what is added is taken
 * @param notUsed what is at the source but not trained on, and what to do about it; empty for nothing
 */
record TrainingData(
        IndexedDataSet data,
        DataLedger ledger,
        Optional<TrainingSets> sets,
        Optional<DataGrowth> growth,
        boolean grows,
        Optional<String> notUsed)
        implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(TrainingData.class);

    /**
     * Opens {@code data.uri} of a job; retries for the time of a {@link ReadRetry} if it cannot be read now.
     *
     * @param homes where the index may be kept, if not beside the data; the first is the checkpoint store
     * @throws DataException if the data cannot be used
     */
    static TrainingData open(SwavJobSpec spec, List<IndexHome> homes) {
        ReadRetry retry = new ReadRetry(spec, new CountDownLatch(1));
        while (true) {
            try {
                TrainingData opened = new Opening(spec, homes).open();
                LoggedProgress.found(opened.data);
                opened.notUsed.ifPresent(what -> LOG.warn("{}: {}", opened.data, what));
                return opened;
            } catch (DataException e) {
                if (ExitCodes.isPermanent(e.exitCode()) || !retry.awaitNextTry()) {
                    throw e;
                }
                LOG.warn("cannot open {} now, trying again: {}", spec.data().uri(), e.getMessage());
            }
        }
    }

    /**
     * Opens what this ledger names, if it is not open.
     *
     * @throws DataException if it cannot be read now, or is gone
     */
    void require(DataLedger of) {
        sets.ifPresent(kept -> requireCovered(data, kept, of));
    }

    /**
     * Opens the index of the newest set of a ledger, unless the present one covers it.
     *
     * @throws DataException if it cannot be read now, or is gone
     */
    static void requireCovered(IndexedDataSet data, TrainingSets sets, DataLedger ledger) {
        if (data.index().covers(ledger)) {
            return;
        }
        DataLedger.Entry newest = ledger.newest();
        try {
            IndexFile index = sets.index(newest.digest())
                    .filter(found -> found.covers(ledger))
                    .orElseThrow(() -> DataException.cannotRead(
                            sets.place() + ": the index of the set that epoch " + newest.epoch() + " sees",
                            new IOException("it is gone, or of another training")));
            data.extend(index);
        } catch (IOException e) {
            throw DataException.cannotRead(sets.place() + ": an index of the training's data", e);
        }
    }

    /** Says what the source has beyond what is trained on, and what to do about it. */
    static String notUsed(String difference, boolean grows) {
        return grows
                ? difference + ", and may enter at one of the next epochs"
                : difference
                        + " since this training began, and not trained on; set data.grow: true, in a new job with the"
                        + " same checkpoint.uri, to let new files enter at the next epoch, or begin anew with another"
                        + " checkpoint.uri";
    }

    @Override
    public void close() {
        growth.ifPresent(DataGrowth::close);
        data.close();
    }

    /** One attempt. */
    private static final class Opening {
        private final SwavJobSpec spec;
        private final boolean grows;
        private final IndexSettings settings;
        private final FileSource source;
        private final IndexKeeper keeper;
        private final Path work = IndexKeeper.work();
        private final Optional<TrainingSets> sets;
        private final IndexProgress progress;

        Opening(SwavJobSpec spec, List<IndexHome> homes) {
            this.spec = spec;
            this.grows = spec.data().grows();
            this.settings = IndexSettings.of(spec);
            this.source = FileSources.open(spec.data().uri(), DataSet.options(spec));
            this.keeper = new IndexKeeper(source, settings, homes, work, Timing.STANDARD);
            this.sets = homes.stream()
                    .findFirst()
                    .map(home -> new TrainingSets(home, IndexKeeper.key(source.uri(), settings), work));
            this.progress = new LoggedProgress(spec.data().uri());
        }

        TrainingData open() {
            try {
                if (grows && sets.isEmpty()) {
                    throw DataException.noInput(
                            "data.grow needs checkpoint.uri: which epoch sees which images is kept there");
                }
                return opened();
            } catch (RuntimeException | Error e) {
                source.close();
                throw e;
            }
        }

        private TrainingData opened() {
            if (sets.isEmpty()) {
                return fresh(keeper.open(progress).index(), Optional.empty());
            }
            TrainingSets kept = sets.get();
            try {
                Optional<DataLedger> ledger = kept.ledger();
                return ledger.isEmpty() ? begun(kept, true) : continued(kept, ledger.get());
            } catch (IndexFile.UnusableIndexException e) {
                throw DataException.badData(e.getMessage() + "; restore it, or remove it to begin with what is at "
                        + source.uri() + " now");
            } catch (IOException e) {
                if (grows) {
                    throw DataException.cannotRead(kept.place() + ", which says which images were trained on", e);
                }
                LOG.warn(
                        "{} is not known now, so images that were added since are trained on: {}",
                        kept.place(),
                        e.toString());
                return fresh(keeper.open(progress).index(), Optional.empty());
            }
        }

        /** @param first whether another pod that begins at the same time may have been first, whose set then counts */
        private TrainingData begun(TrainingSets kept, boolean first) throws IOException {
            IndexFile index = keeper.open(progress).index();
            try {
                kept.keep(index);
                Optional<DataLedger> other = first ? kept.ledger() : Optional.empty();
                if (other.isPresent() && !other.get().equals(ledger(index))) {
                    return continued(kept, other.get());
                }
                kept.write(ledger(index));
            } catch (IOException e) {
                if (grows) {
                    throw DataException.cannotRead(kept.place() + " cannot be written", e);
                }
                LOG.warn(
                        "{} cannot be written: pods that start later also train on images that are added: {}",
                        kept.place(),
                        e.toString());
            }
            return fresh(index, sets);
        }

        private static DataLedger ledger(IndexFile index) {
            DataFingerprint all = index.meta().fingerprint();
            return DataLedger.of(all.samples(), all.digest());
        }

        private TrainingData fresh(IndexFile index, Optional<TrainingSets> to) {
            return data(index, ledger(index), to, Optional.empty());
        }

        private TrainingData continued(TrainingSets kept, DataLedger ledger) throws IOException {
            Optional<IndexFile> index = index(kept, ledger);
            if (index.isEmpty()) {
                return other(kept, ledger, "its index is gone");
            }
            Optional<String> same = index.get().meta().inventory().layout() == Inventory.Layout.Shards
                    ? Optional.of("shards are always listed")
                    : IndexKeeper.ofFolders(source, index.get().meta());
            if (same.isEmpty()) {
                return data(index.get(), ledger, sets, Optional.empty());
            }
            IndexDifference difference =
                    IndexDifference.of(source, index.get(), Listing.of(source, IndexProgress.NONE));
            if (difference.classNames() && difference.added().isEmpty() && !grows && !ledger.hasGrown()) {
                return begun(kept, false); // the images are the same, and their classes have other names
            }
            return difference.onlyAdds()
                    ? data(index.get(), ledger, sets, difference.describe().map(what -> notUsed(what, grows)))
                    : other(kept, ledger, difference.describe().orElse(""));
        }

        private Optional<IndexFile> index(TrainingSets kept, DataLedger ledger) throws IOException {
            Optional<IndexFile> index;
            try {
                index = kept.index(ledger.newest().digest());
            } catch (IndexFile.UnusableIndexException e) {
                LOG.warn("{}: an index is damaged: {}", kept.place(), e.getMessage());
                index = Optional.empty();
            }
            if (index.filter(found -> found.covers(ledger)).isPresent()) {
                return index;
            }
            IndexFile built = keeper.open(progress).index();
            if (built.covers(ledger) && built.samples() == ledger.newest().samples()) {
                kept.keep(built);
                return Optional.of(built);
            }
            return Optional.empty();
        }

        /** The source does not hold what was trained on. */
        private TrainingData other(TrainingSets kept, DataLedger ledger, String why) throws IOException {
            if (grows) {
                throw DataException.cannotRead(
                        source.uri() + " is not the data of this training, which has seen "
                                + ledger.newest().samples() + " images (" + why
                                + "): put the files back as they were, or give another checkpoint.uri to begin anew",
                        new IOException("data.grow only adds files"));
            }
            LOG.warn("{} has changed since this training began: {}", source.uri(), why);
            return begun(kept, false);
        }

        private TrainingData data(
                IndexFile index, DataLedger ledger, Optional<TrainingSets> to, Optional<String> notUsed) {
            IndexedDataSet set = new IndexedDataSet(source, keeper, index);
            Optional<DataGrowth> growth = to.filter(kept -> spec.data().canGrow())
                    .map(kept -> new DataGrowth(
                            source,
                            settings,
                            set,
                            kept,
                            grows,
                            work,
                            Duration.ofSeconds(spec.data().secondsBetweenLooks())));
            return new TrainingData(set, ledger, to, growth, grows, notUsed);
        }
    }
}
