package io.swav.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A place where indexes are kept, which other processes may use too: beside the data, with the checkpoints, or a folder of
 * this machine. A file is there whole or not at all.
 */
public interface IndexHome {
    /** The place, for messages. */
    String uri();

    /** Copies a file to a local one; false if it does not exist. */
    boolean fetch(String name, Path to) throws IOException;

    /** Stores a file; it replaces one that exists. */
    void store(String name, Path from) throws IOException;

    /** Reads a small file; empty if it does not exist. */
    Optional<byte[]> read(String name) throws IOException;

    /** Writes a small file; it replaces one that exists. */
    void write(String name, byte[] content) throws IOException;

    /** Removes a file, if it exists. */
    void remove(String name) throws IOException;
}
