package io.swav.chaos;

import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.local.PrivateFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.stream.Stream;

/** Keeps the storm's own copy of the images, which may change while the job trains. */
final class StormImages {
    private final Path copy;
    private final String pattern;
    private final Path original;
    private final Path added;

    private StormImages(Path copy, String pattern, Path original) {
        this.copy = copy;
        this.pattern = pattern;
        this.original = original;
        this.added = original.resolveSibling("0-added-" + original.getFileName());
    }

    /**
     * Links or copies the images.
     *
     * @param images a folder of images, of folders of images or of shards; its last part may be a pattern for shards
     * @param copy is replaced
     * @throws LocalClusterException if there is no file
     */
    static StormImages copy(Path images, Path copy) {
        String last = String.valueOf(images.getFileName());
        boolean isPattern = last.contains("*") || last.contains("?");
        Path folder = isPattern ? images.toAbsolutePath().resolveSibling("") : images;
        String pattern = isPattern ? last : "";
        PathMatcher wanted = folder.getFileSystem().getPathMatcher("glob:" + (isPattern ? last : "*"));
        LocalControlPlane.deleteTree(copy);
        try (Stream<Path> tree = Files.walk(folder)) {
            List<Path> all = tree.sorted().toList();
            for (Path path : all) {
                Path to = copy.resolve(folder.relativize(path).toString());
                if (Files.isDirectory(path)) {
                    PrivateFiles.folder(to);
                } else {
                    link(path, to);
                }
            }
            Path first = all.stream()
                    .filter(Files::isRegularFile)
                    .filter(file -> wanted.matches(file.getFileName()))
                    .findFirst()
                    .orElseThrow(() -> new LocalClusterException(images + " holds no image"));
            return new StormImages(
                    copy, pattern, copy.resolve(folder.relativize(first).toString()));
        } catch (IOException | UncheckedIOException e) {
            throw new LocalClusterException("cannot copy the images of " + images + ": " + e, e);
        }
    }

    private static void link(Path from, Path to) throws IOException {
        try {
            Files.createLink(to, from.toRealPath());
        } catch (FileSystemException | UnsupportedOperationException e) {
            Files.copy(from, to); // another file system
        }
    }

    /** The URI of the copy. */
    String uri() {
        String folder = copy.toAbsolutePath().toUri().toString().replaceAll("/$", "");
        return pattern.isEmpty() ? folder : folder + "/" + pattern;
    }

    /** Adds an image, or a shard of them, before all others: a trainer that opens the copy from now on sees more images. */
    void add() {
        try {
            Files.copy(original, added);
        } catch (IOException e) {
            throw new LocalClusterException("cannot add images to " + copy + ": " + e, e);
        }
    }

    /** Removes what was added. */
    void remove() {
        try {
            Files.deleteIfExists(added);
        } catch (IOException e) {
            throw new LocalClusterException("cannot remove " + added + ": " + e, e);
        }
    }
}
