package io.swav.tensor;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Native libraries that were unpacked when the image was built. Elsewhere each library unpacks its own at its start,
 * which takes seconds and a folder to write to.
 */
public final class Natives {
    /** System property: the folder, of everything but libtorch. */
    static final String FOLDER = "swav.natives";

    private Natives() {}

    static Optional<Path> folder() {
        return Optional.ofNullable(System.getProperty(FOLDER))
                .filter(folder -> !folder.isEmpty())
                .map(Path::of);
    }

    /** The library of this name in that folder, empty where there is no such folder. */
    public static Optional<Path> find(String name) {
        return folder().map(folder -> folder.resolve(System.mapLibraryName(name)));
    }
}
