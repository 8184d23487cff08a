package io.swav.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** The training part and the labelled test part of one data folder, as URIs for {@link DataSet#open}. */
public record TrainTestSplit(String train, Optional<String> test) {
    /**
     * Finds the parts: the sub-folders {@code train} and {@code test} if they exist; otherwise shards with {@code
     * train} and {@code test} in their names; otherwise the whole folder is for training and there is no test part.
     *
     * @throws DataException if the folder is missing or cannot be read; the exit code says whether a retry may succeed
     */
    public static TrainTestSplit of(Path folder) {
        String uri = folder.toAbsolutePath().normalize().toUri().toString().replaceAll("/$", "");
        if (FolderSource.isFolder(folder.resolve("train"))) {
            boolean test = FolderSource.isFolder(folder.resolve("test"));
            return new TrainTestSplit(uri + "/train", test ? Optional.of(uri + "/test") : Optional.empty());
        }
        if (!FolderSource.isFolder(folder)) {
            throw DataException.noInput(
                    "data folder " + folder + " does not exist; give a folder of tar shards or of images");
        }
        try (Stream<Path> files = Files.list(folder)) {
            List<String> shards = files.map(f -> f.getFileName().toString())
                    .filter(name -> name.endsWith(".tar"))
                    .toList();
            if (shards.stream().anyMatch(n -> n.contains("train"))
                    && shards.stream().anyMatch(n -> n.contains("test"))) {
                return new TrainTestSplit(uri + "/*train*.tar", Optional.of(uri + "/*test*.tar"));
            }
            return new TrainTestSplit(uri, Optional.empty());
        } catch (IOException | UncheckedIOException e) {
            throw DataException.cannotOpen(folder, e);
        }
    }
}
