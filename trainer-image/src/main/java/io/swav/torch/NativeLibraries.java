package io.swav.torch;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Native libraries that were unpacked when the image was built. Elsewhere each library unpacks its own at its first
 * start, which takes seconds and a folder to write to.
 */
public final class NativeLibraries {
    /** System property: the folder, of everything but libtorch. */
    static final String FOLDER = "swav.natives";

    private NativeLibraries() {}

    static Optional<Path> folder() {
        return Optional.ofNullable(System.getProperty(FOLDER))
                .filter(folder -> !folder.isEmpty())
                .map(Path::of);
    }

    /** JVM options by which a child process finds the same libraries. */
    public static List<String> options() {
        return folder().map(folder -> List.of("-D" + FOLDER + "=" + folder)).orElse(List.of());
    }

    /** The library of this name in that folder, empty where there is no such folder. */
    public static Optional<Path> find(String name) {
        return folder().map(folder -> folder.resolve(System.mapLibraryName(name)));
    }

    /**
     * The library that a jar holds, unpacked to the {@link CacheFolder} unless it is there from an earlier start.
     *
     * @param resource absolute name in the jar of {@code owner}
     * @param version sets it apart from others of the same name
     */
    public static Path unpack(Class<?> owner, String resource, String version) {
        return unpack(
                Objects.requireNonNull(owner.getResource(resource), resource),
                CacheFolder.of(System.getenv()).resolve("natives").resolve(version));
    }

    static Path unpack(URL source, Path folder) {
        Path file = folder.resolve(Path.of(source.getPath()).getFileName());
        try {
            URLConnection connection = source.openConnection();
            if (Files.isRegularFile(file) && Files.size(file) == connection.getContentLengthLong()) {
                return file;
            }
            Files.createDirectories(folder);
            // others may start now too: each writes its own, and all that arrive are the same
            Path part = Files.createTempFile(folder, "unpacking", "");
            try (InputStream in = connection.getInputStream()) {
                Files.copy(in, part, StandardCopyOption.REPLACE_EXISTING);
                Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(part);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "cannot unpack a native library to " + file
                            + ": set XDG_CACHE_HOME to a folder to write to, with room for it",
                    e);
        }
        return file;
    }
}
