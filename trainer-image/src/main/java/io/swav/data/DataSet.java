package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.SwavJobSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/** Pictures by index, with labels where there are any; safe for use by several threads. */
public interface DataSet extends AutoCloseable {
    /** What {@link #label} says of a picture without one. */
    int UNLABELLED = -1;

    int size();

    /**
     * The encoded picture.
     *
     * @throws java.io.EOFException when its file is too short for it, which is so for everybody
     * @throws IOException when it cannot be read now
     */
    byte[] read(int sample) throws IOException;

    int label(int sample);

    /** File (and entry in it), for messages. */
    String name(int sample);

    @Override
    void close();

    /**
     * Opens {@code file:///folder} or a plain path: a folder of tar shards, or of pictures in class sub-folders, or of
     * pictures alone. The last part may be a pattern for shards, as in {@code /data/cifar/*-train-*.tar}.
     *
     * @throws DataException naming the folder or the file that is missing, empty or damaged, or cannot be read now
     */
    static DataSet open(String uri) {
        Path path = path(uri);
        String last = path.getFileName() == null ? "" : path.getFileName().toString();
        boolean pattern = last.contains("*") || last.contains("?");
        Path folder = pattern && path.getParent() != null ? path.getParent() : path;
        if (!ImageFolder.isFolder(folder)) {
            throw DataException.noInput("data folder " + folder + " does not exist (" + uri
                    + "); give a folder of tar shards or of pictures");
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

    /** The same, tried again for a while where something cannot be read now. */
    static DataSet open(String uri, SwavJobSpec spec) {
        ReadRetry patience = new ReadRetry(spec, new CountDownLatch(1));
        while (true) {
            try {
                return open(uri);
            } catch (DataException e) {
                if (ExitCodes.isPermanent(e.exitCode()) || !patience.lasts()) {
                    throw e;
                }
                LoggerFactory.getLogger(DataSet.class).warn("opening {} again: {}", uri, e.getMessage());
            }
        }
    }

    /** The local path of a data URI. Characters that a URI would have escaped, as those of patterns, may stand in it. */
    static Path path(String uri) {
        if (uri.startsWith("file:")) {
            String rest = uri.substring("file:".length());
            if (rest.startsWith("//") && !rest.startsWith("///")) {
                throw DataException.noInput("data.uri " + uri + " names a machine: give file:///folder");
            }
            try {
                return Path.of(URLDecoder.decode(rest.replace("+", "%2B"), StandardCharsets.UTF_8));
            } catch (IllegalArgumentException e) {
                throw DataException.noInput("data.uri " + uri + " names no path: give file:///folder", e);
            }
        }
        if (uri.contains("://")) {
            throw DataException.noInput("data.uri " + uri
                    + ": only file:///folder and plain paths can be read; mount the data as a volume");
        }
        return Path.of(uri);
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
