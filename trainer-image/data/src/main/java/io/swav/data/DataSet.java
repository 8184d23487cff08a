package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.StorageUri;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/** Gives access to a data set: encoded images by index, with labels if it has any. Safe for use by several threads. */
public interface DataSet extends AutoCloseable {
    /** The value of {@link #label} for an image without a label. */
    int UNLABELLED = -1;

    int size();

    /**
     * Reads the encoded image.
     *
     * @throws BadImageException if this sample can never be an image, the same for every process: its file ends before
     *     the image does, or it is too large
     * @throws IOException if the image cannot be read now: possibly a temporary fault of this process or its file
     *     server
     */
    byte[] read(int sample) throws IOException;

    int label(int sample);

    /** The file (and the entry in it) of a sample, for messages. */
    String name(int sample);

    /** The name of a sample within the data set, which does not depend on where the data set is mounted. */
    String place(int sample);

    /** The names of the classes by label; empty if they are unknown. */
    default List<String> classNames() {
        return List.of();
    }

    /** Tells this data set from another one, in all processes alike. */
    default DataFingerprint fingerprint() {
        return DataFingerprint.of(this);
    }

    /** The size of the encoded image, bytes; −1 if it does not exist. */
    long bytes(int sample);

    @Override
    void close();

    /**
     * Opens {@code file:///folder} or a plain path: a folder of tar shards, a folder of images in class sub-folders, or
     * a flat folder of images. The last part of the path may be a pattern for shards, as in {@code
     * /data/cifar/*-train-*.tar}.
     *
     * @throws DataException if a folder or file is missing, empty or damaged, or cannot be read now; the message names
     *     it
     */
    static DataSet open(String uri) {
        Path path;
        try {
            path = StorageUri.dataPath(uri);
            StorageUri.requireData(uri);
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        }
        String last = path.getFileName() == null ? "" : path.getFileName().toString();
        boolean pattern = last.contains("*") || last.contains("?");
        Path folder = pattern && path.getParent() != null ? path.getParent() : path;
        if (!ImageFolder.isFolder(folder)) {
            throw DataException.noInput("data folder " + folder + " does not exist (" + uri
                    + "); give a folder of tar shards or of images");
        }
        List<Path> shards = list(folder, pattern ? last : "*.tar");
        if (!shards.isEmpty()) {
            return WebDatasetShards.open(shards);
        }
        if (pattern) {
            throw DataException.noInput("no file in " + folder + " matches " + last + " (" + uri + ")");
        }
        return ImageFolder.open(folder);
    }

    /** As {@link #open(String)}, but retries for the time of a {@link ReadRetry} if the data cannot be read now. */
    static DataSet open(String uri, SwavJobSpec spec) {
        ReadRetry retry = new ReadRetry(spec, new CountDownLatch(1));
        while (true) {
            try {
                return open(uri);
            } catch (DataException e) {
                if (ExitCodes.isPermanent(e.exitCode()) || !retry.awaitNextTry()) {
                    throw e;
                }
                LoggerFactory.getLogger(DataSet.class)
                        .warn("cannot open {} now, trying again: {}", uri, e.getMessage());
            }
        }
    }

    private static List<Path> list(Path folder, String pattern) {
        PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(f -> matcher.matches(f.getFileName())).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            throw DataException.cannotOpen(folder, e);
        }
    }
}
