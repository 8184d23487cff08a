package io.swav.data;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/**
 * Gives access to the files of a data set where they lie: a folder, a bucket, a web server. Safe for use by several
 * threads.
 */
public interface FileSource extends AutoCloseable {
    /**
     * Describes one file.
     *
     * @param name relative to the source, parts separated by {@code /}
     * @param bytes its size; −1 for a link to nothing, or an empty folder with the name of an image
     * @param version another text once the content is another: an ETag, or the time of the last change; empty if only the
     *     size is checked when the file is read
     */
    record SourceFile(String name, long bytes, String version) {}

    /** Takes what {@link #list} finds, in any order, from one thread at a time. */
    interface Visitor {
        void file(SourceFile file) throws IOException;

        /**
         * Takes the name of something that is no file of the data set, or is not followed.
         *
         * @param reason one of a few fixed ones, which are counted
         */
        void ignored(String name, String reason) throws IOException;

        /**
         * Takes a folder that was listed.
         *
         * @param name empty for the source itself
         * @param version see {@link #folderVersion}
         */
        default void folder(String name, String version) throws IOException {}
    }

    /** The place as people wrote it, without credentials, for messages. */
    String uri();

    /** Returns where a file lies, for messages. */
    default String place(String name) {
        return uri() + ": " + name;
    }

    void list(Visitor visitor) throws IOException;

    /** Looks for one file by its name, whether or not {@link #list} would find it; empty if it does not exist. */
    default Optional<SourceFile> find(String name) throws IOException {
        return Optional.empty();
    }

    /**
     * Returns a text that is another one once a file was added to a folder, renamed or removed there; empty if only a
     * listing shows that.
     *
     * @throws IOException if the folder cannot be read now, or is gone
     */
    default Optional<String> folderVersion(String folder) throws IOException {
        return Optional.empty();
    }

    /** The local folder in which all files lie, beside which an index may be kept; empty for other places. */
    default Optional<FolderSource> folder() {
        return Optional.empty();
    }

    /** The same files without a cache, for bytes that are read once, such as an index's headers. Closed with this source. */
    default FileSource uncached() {
        return this;
    }

    /** The bytes that are worth one read: about bandwidth times latency. */
    default int efficientRead() {
        return 64 << 10;
    }

    /**
     * Reads {@code length} bytes at {@code offset}.
     *
     * @throws ChangedFileException if the file is not the one that {@code file} describes
     * @throws java.io.EOFException if the file ends before that
     * @throws IOException if it cannot be read now
     */
    byte[] read(SourceFile file, long offset, int length) throws IOException;

    /** Opens a stream that begins at {@code offset}; the same errors. */
    InputStream open(SourceFile file, long offset) throws IOException;

    @Override
    void close();
}
