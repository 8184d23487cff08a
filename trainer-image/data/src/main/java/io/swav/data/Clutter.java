package io.swav.data;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The names of files and folders that systems and tools leave beside images: they are never part of a data set. A name
 * is the only thing that is judged here, so that no file is opened and no such folder is entered.
 */
public final class Clutter {
    static final String APPLE_DOUBLE = "._* of macOS";
    static final String HIDDEN = "hidden";

    /** Folders by their lower-case names. */
    private static final Map<String, String> FOLDERS = Map.of(
            "__macosx", "__MACOSX of zip files",
            "@eadir", "@eaDir of a NAS",
            "#recycle", "recycle bin",
            "$recycle.bin", "recycle bin",
            "system volume information", "system folder",
            "lost+found", "system folder",
            "__pycache__", "folder of a tool",
            ".ipynb_checkpoints", "checkpoint or thumbnail of a tool",
            ".thumbnails", "checkpoint or thumbnail of a tool",
            ".snapshot", "snapshots of a file server");

    private static final Set<String> FILES = Set.of("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r");

    private Clutter() {}

    /** Returns why the folder is not part of a data set; empty if it may be. */
    static Optional<String> ofFolder(String name) {
        Optional<String> known = Optional.ofNullable(FOLDERS.get(name.toLowerCase(Locale.ROOT)));
        return known.isPresent() ? known : hidden(name);
    }

    /** Returns why the file is not part of a data set; empty if it may be. */
    static Optional<String> ofFile(String name) {
        return FILES.contains(name.toLowerCase(Locale.ROOT))
                ? Optional.of("checkpoint or thumbnail of a tool")
                : hidden(name);
    }

    private static Optional<String> hidden(String name) {
        if (name.equals(".") || name.equals("..")) {
            return Optional.empty(); // as in "./a.jpg", the names that tar writes
        }
        if (name.startsWith("._")) {
            return Optional.of(APPLE_DOUBLE);
        }
        return name.startsWith(".") ? Optional.of(HIDDEN) : Optional.empty();
    }

    /** Judges every part of a path with slashes; the last one is a file. */
    public static Optional<String> ofPath(String path) {
        String[] parts = path.split("/", -1);
        for (int i = 0; i < parts.length - 1; i++) {
            Optional<String> folder = ofFolder(parts[i]);
            if (folder.isPresent()) {
                return folder;
            }
        }
        return ofFile(parts[parts.length - 1]);
    }
}
