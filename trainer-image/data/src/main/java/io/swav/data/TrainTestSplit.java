package io.swav.data;

import java.io.IOException;
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
     * @throws DataException if the folder is missing or cannot be read
     */
    public static TrainTestSplit of(Path folder) {
        String uri = folder.toAbsolutePath().normalize().toUri().toString().replaceAll("/$", "");
        if (Files.isDirectory(folder.resolve("train"))) {
            boolean test = Files.isDirectory(folder.resolve("test"));
            return new TrainTestSplit(uri + "/train", test ? Optional.of(uri + "/test") : Optional.empty());
        }
        if (!Files.isDirectory(folder)) {
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
        } catch (IOException e) {
            throw DataException.noInput("data folder " + folder + " cannot be read", e);
        }
    }
}
