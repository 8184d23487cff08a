package io.swav.data;

/** Opens the source that a URI names. */
final class FileSources {
    private FileSources() {}

    /**
     * Opens a source.
     *
     * @throws DataException if there is no such place, or that cannot be determined now
     */
    static FileSource open(String uri) {
        return FolderSource.open(uri);
    }
}
