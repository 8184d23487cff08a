package io.swav.data;

import io.swav.api.Shown;
import io.swav.data.BuildClaim.Timing;
import io.swav.data.FileSource.SourceFile;
import io.swav.data.Inventory.Layout;
import java.io.EOFException;
import java.io.IOException;
import java.util.List;

/** A data set as its index describes it. Only what is in the index is read. */
final class IndexedDataSet implements DataSet {
    private final FileSource source;
    private final IndexKeeper keeper;
    private final boolean shards;
    /** It is only ever replaced by one that begins with it. */
    private volatile IndexFile index;

    IndexedDataSet(FileSource source, IndexKeeper keeper, IndexFile index) {
        this.source = source;
        this.keeper = keeper;
        this.index = index;
        this.shards = index.meta().inventory().layout() == Layout.Shards;
    }

    /**
     * Opens a data set with its index, which is built if there is none.
     *
     * @param options how a place that is not local is reached
     * @param homes where an index may be kept, beside the data's own place and this machine
     */
    static IndexedDataSet open(
            String uri, SourceOptions options, IndexSettings settings, List<IndexHome> homes, IndexProgress progress) {
        FileSource source = FileSources.open(uri, options);
        try {
            IndexKeeper keeper = new IndexKeeper(source, settings, homes, IndexKeeper.work(), Timing.STANDARD);
            return new IndexedDataSet(source, keeper, keeper.open(progress).index());
        } catch (RuntimeException e) {
            source.close();
            throw e;
        }
    }

    IndexFile index() {
        return index;
    }

    /** Adds what a larger index has beyond this one, also for threads that read now: the samples that they know keep their numbers. */
    synchronized void extend(IndexFile larger) {
        if (larger.samples() > index.samples()) {
            index = larger;
        }
    }

    @Override
    public long size() {
        return index.samples();
    }

    @Override
    public byte[] read(long sample) throws IOException {
        long bytes = index.bytes(sample);
        if (bytes < 0) {
            throw new BadImageException("it is a link to nothing, or an empty folder");
        }
        ImageLimits.requireReadable(bytes);
        SourceFile file = index.sourceFile(index.file(sample));
        try {
            return source.read(file, index.offset(sample), (int) bytes);
        } catch (EOFException e) {
            throw changed(new ChangedFileException(source.place(file.name()), String.valueOf(e.getMessage())));
        } catch (ChangedFileException e) {
            throw changed(e);
        }
    }

    private DataException changed(ChangedFileException e) {
        keeper.discard();
        return DataException.changed(e);
    }

    @Override
    public int label(long sample) {
        return index.label(sample);
    }

    @Override
    public String name(long sample) {
        return in(source.place(index.sourceFile(index.file(sample)).name()), sample);
    }

    @Override
    public String place(long sample) {
        return in(index.sourceFile(index.file(sample)).name(), sample);
    }

    private String in(String file, long sample) {
        return shards ? file + ":" + index.name(sample) : file;
    }

    @Override
    public long bytes(long sample) {
        return index.bytes(sample);
    }

    @Override
    public List<String> classNames() {
        return index.meta().classNames();
    }

    @Override
    public Inventory inventory() {
        return index.meta().inventory();
    }

    @Override
    public DataFingerprint fingerprint() {
        return index.meta().fingerprint();
    }

    @Override
    public String toString() {
        return Shown.of(source.uri());
    }

    @Override
    public void close() {
        source.close();
    }
}
