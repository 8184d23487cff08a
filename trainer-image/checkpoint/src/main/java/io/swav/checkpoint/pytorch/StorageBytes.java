package io.swav.checkpoint.pytorch;

import io.swav.checkpoint.pytorch.PickleGlobals.StorageRef;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;

/** The elements of a file's storages, which are read as they are needed. */
interface StorageBytes extends Closeable {
    /**
     * Fills a buffer.
     *
     * @param from first byte within the storage; all that is asked for lies within what {@code storage} states
     * @throws PyTorchFileException if the file has fewer bytes than it states, or damaged ones
     */
    void read(StorageRef storage, long from, ByteBuffer into) throws IOException;
}
