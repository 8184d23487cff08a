package io.swav.torch;

import io.swav.common.CacheFolder;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Native libraries that were unpacked when the container image was built. Without that, each library is unpacked by its
 * own loader at its first start, which takes seconds and needs a writable folder.
 */
public final class NativeLibraries {
    /** System property: the folder of all unpacked libraries except libtorch. */
    static final String FOLDER = "swav.natives";

    private NativeLibraries() {}

    static Optional<Path> folder() {
        return Optional.ofNullable(System.getProperty(FOLDER))
                .filter(folder -> !folder.isEmpty())
                .map(Path::of);
    }

    /** The JVM options by which a child process finds the same libraries. */
    public static List<String> options() {
        return folder().map(folder -> List.of("-D" + FOLDER + "=" + folder)).orElse(List.of());
    }

    /**
     * Loads a library: the file in the folder of unpacked libraries, or the one in the jar of {@code owner}, unpacked to the
     * {@link CacheFolder} unless an earlier start already did that.
     *
     * @param folder absolute name of the folder in the jar
     * @param name without {@code lib} and {@code .so}
     */
    public static void load(Class<?> owner, String folder, String name) {
        Path file = folder().map(given -> given.resolve(System.mapLibraryName(name)))
                .orElseGet(() -> unpack(owner, folder + System.mapLibraryName(name)));
        System.load(file.toString());
    }

    private static Path unpack(Class<?> owner, String resource) {
        URL source = Objects.requireNonNull(owner.getResource(resource), resource);
        Path natives = CacheFolder.of(System.getenv()).resolve("natives");
        return unpack(source, natives.resolve(version(source)));
    }

    /** Separates libraries of one name: the checksum that the jar keeps of its entry. */
    private static String version(URL source) {
        try {
            JarURLConnection connection = (JarURLConnection) source.openConnection();
            return Long.toHexString(connection.getJarEntry().getCrc());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + source, e);
        }
    }

    static Path unpack(URL source, Path folder) {
        Path file = folder.resolve(Path.of(source.getPath()).getFileName());
        try {
            URLConnection connection = source.openConnection();
            if (Files.isRegularFile(file) && Files.size(file) == connection.getContentLengthLong()) {
                return file;
            }
            Files.createDirectories(folder);
            // other processes may start at the same time: each writes its own copy, and all copies are equal
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
                            + ": set XDG_CACHE_HOME to a writable folder with enough space",
                    e);
        }
        return file;
    }
}
