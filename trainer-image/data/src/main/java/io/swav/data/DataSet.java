package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.slf4j.LoggerFactory;

/** Gives access to a data set: encoded images by number, with labels if it has any. Safe for use by several threads. */
public interface DataSet extends AutoCloseable {
    /** The value of {@link #label} for an image without a label. */
    int UNLABELLED = -1;

    long size();

    /**
     * Reads the encoded image.
     *
     * @throws BadImageException if this sample can never be an image, the same for every process: it is a link to nothing,
     *     or it is too large
     * @throws DataException if its file is not the one that was indexed
     * @throws IOException if the image cannot be read now: possibly a temporary fault of this process or its file
     *     server
     */
    byte[] read(long sample) throws IOException;

    int label(long sample);

    /** The file (and the entry in it) of a sample, for messages. */
    String name(long sample);

    /** The name of a sample within the data set, which does not depend on where the data set is mounted. */
    String place(long sample);

    /** The size of the encoded image, bytes; −1 if it does not exist. */
    long bytes(long sample);

    /** The names of classes, in the order of labels; empty if classes have no names. */
    List<String> classNames();

    /** What the data set holds and what lies beside it. */
    Inventory inventory();

    /** Tells this data set from another one. */
    DataFingerprint fingerprint();

    @Override
    void close();

    /**
     * Opens a folder of tar shards, also in sub-folders; a folder of images in class sub-folders; a flat folder of images;
     * one tar shard; or a pattern of either, as in {@code /data/cifar/*-train-*.tar} and {@code /data/s-{000..099}.tar}. The
     * same in a bucket, {@code s3://bucket/prefix}, and shards on a web server, {@code https://host/s-{000..099}.tar}.
     *
     * @throws DataException if a folder or file is missing, empty or damaged, cannot be read now, or can be meant in more
     *     than one way; the message names it
     */
    static DataSet open(String uri) {
        return IndexedDataSet.open(uri, SourceOptions.standard(), IndexSettings.DEFAULT, List.of(), IndexProgress.NONE);
    }

    /** As {@link #open(String)}, but retries for the time of a {@link ReadRetry} if the data cannot be read now. */
    static DataSet open(String uri, SwavJobSpec spec) {
        return open(uri, spec, List.of());
    }

    /** As {@link #open(String, SwavJobSpec)}, with more places at which an index may be kept. */
    static DataSet open(String uri, SwavJobSpec spec, List<IndexHome> homes) {
        SourceOptions options = options(spec);
        ReadRetry retry = new ReadRetry(spec, new CountDownLatch(1));
        while (true) {
            try {
                DataSet data =
                        IndexedDataSet.open(uri, options, IndexSettings.of(spec), homes, new LoggedProgress(uri));
                LoggedProgress.found(data);
                return data;
            } catch (DataException e) {
                if (ExitCodes.isPermanent(e.exitCode()) || !retry.awaitNextTry()) {
                    throw e;
                }
                LoggerFactory.getLogger(DataSet.class)
                        .warn("cannot open {} now, trying again: {}", uri, e.getMessage());
            }
        }
    }

    /** Returns how the data of a job is reached. */
    static SourceOptions options(SwavJobSpec spec) {
        try {
            return SourceOptions.of(spec);
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        }
    }
}
