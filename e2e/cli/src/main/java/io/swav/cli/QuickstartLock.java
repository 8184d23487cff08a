package io.swav.cli;

import io.swav.local.LocalClusterException;
import io.swav.local.PrivateFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * Lets one quickstart at a time use a folder: a second one would end the first one's cluster and remove its checkpoints.
 * The kernel releases the lock of a process that was killed.
 */
record QuickstartLock(FileChannel channel) implements AutoCloseable {
    /**
     * Takes the lock of this folder.
     *
     * @throws LocalClusterException if another quickstart runs there
     */
    static QuickstartLock take(Path home) throws IOException {
        Path file = PrivateFiles.folder(home).resolve("quickstart.lock");
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (locked(channel) == null) {
            channel.close();
            throw new LocalClusterException("another quickstart runs in " + home
                    + ", and would lose its cluster and its checkpoints: wait for its end, or end it with Ctrl-C. If"
                    + " none runs, a process holds " + file);
        }
        return new QuickstartLock(channel);
    }

    private static @Nullable FileLock locked(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) { // in this process
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
