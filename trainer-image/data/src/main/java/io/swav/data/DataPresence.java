package io.swav.data;

import io.swav.api.ExitCodes;
import io.swav.api.StorageUri;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks whether a data set can be at a place, without opening it: the place exists and is not empty. What is wrong with the
 * images themselves is found when the data set is opened.
 */
public final class DataPresence {
    private static final Logger LOG = LoggerFactory.getLogger(DataPresence.class);

    private DataPresence() {}

    /**
     * Requires that there is something at a local place. Other places are not looked at; nor is one that cannot be read
     * now, which is logged.
     *
     * @throws DataException if the place does not exist, is empty, or is no place for data
     */
    public static void require(String uri) {
        Path path;
        try {
            StorageUri.requireData(uri);
            if (uri.contains("://") && !uri.startsWith("file:")) {
                return;
            }
            path = StorageUri.dataPath(uri);
        } catch (IllegalArgumentException e) {
            throw DataException.noInput(String.valueOf(e.getMessage()));
        }
        try {
            requireAt(path, uri);
        } catch (DataException e) {
            if (ExitCodes.isPermanent(e.exitCode())) {
                throw e;
            }
            LOG.warn("cannot look into {} now: {}; it is read when it is needed", uri, e.getMessage());
        }
    }

    private static void requireAt(Path path, String uri) {
        Path folder = path;
        while (isPattern(folder) && folder.getParent() != null) {
            folder = folder.getParent();
        }
        if (!FolderSource.isFolder(folder)) {
            throw DataException.noInput("data folder " + folder + " does not exist (" + uri
                    + "); give a folder of tar shards or of images");
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
            if (!entries.iterator().hasNext()) {
                throw DataException.noInput(
                        "data folder " + folder + " is empty (" + uri + "); give a folder of tar shards or of images");
            }
        } catch (IOException e) {
            throw DataException.cannotOpen(folder, e);
        }
    }

    /** Whether the last part of a path stands for several files, or for one of these. */
    private static boolean isPattern(Path path) {
        String name = path.getFileName() == null ? "" : path.getFileName().toString();
        return name.matches(".*[*?{].*") || name.matches(".*\\.(tar|tgz|tar\\.gz|tar\\.zst)");
    }
}
