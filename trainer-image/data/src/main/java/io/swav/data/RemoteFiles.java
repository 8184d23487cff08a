package io.swav.data;

import java.io.Closeable;
import java.io.IOException;

/** Sends single requests for files on another machine, and retries none. Safe for use by several threads. */
interface RemoteFiles extends AutoCloseable {
    /** Bytes of a file, from the first that was requested. Closing them early gives up the connection. */
    interface Body extends Closeable {
        /** Reads as {@link java.io.InputStream#read(byte[], int, int)}. */
        int read(byte[] into, int offset, int length) throws IOException;
    }

    /** The address of a file, for messages and as its identity in a cache. */
    String address(String name);

    /**
     * Describes one file.
     *
     * @throws java.nio.file.NoSuchFileException if it does not exist
     */
    FileSource.SourceFile describe(String name) throws IOException;

    /** Lists the files whose names begin so. */
    void list(String start, FileSource.Visitor visitor) throws IOException;

    /**
     * Requests the bytes [from, to) of a file.
     *
     * @throws ChangedFileException if the file is not the one that was described
     */
    Body get(FileSource.SourceFile file, long from, long to) throws IOException;

    @Override
    void close();
}
