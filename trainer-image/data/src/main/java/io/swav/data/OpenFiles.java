package io.swav.data;

import io.swav.data.FileSource.SourceFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Keeps files open between reads, because on a file server opening one costs as much as reading from it. The least
 * recently used are closed. A file is compared with its index entry when it is opened and again every few seconds: an
 * open file that was replaced by another of its name is still the old one, but one that was overwritten is not.
 */
final class OpenFiles implements AutoCloseable {
    private static final int MOST = 512;
    private static final long RECHECK_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final Map<String, OpenFile> open = new LinkedHashMap<>(16, 0.75f, true);
    private boolean closed;

    private static final class OpenFile {
        private final FileChannel channel;
        private int readers; // guarded by the OpenFiles
        private boolean dropped; // guarded by the OpenFiles
        private volatile long checked = System.nanoTime();

        private OpenFile(FileChannel channel) {
            this.channel = channel;
        }
    }

    /** Returns the version of a file: the time of its last change, to the resolution of its file system. */
    static String version(BasicFileAttributes attributes) {
        return Long.toString(attributes.lastModifiedTime().to(TimeUnit.NANOSECONDS));
    }

    /**
     * Requires that a file is the indexed one.
     *
     * @throws ChangedFileException if it is not
     */
    static void require(SourceFile file, BasicFileAttributes found) throws IOException {
        if (!found.isRegularFile()) { // reading a device or pipe may never end
            throw new BadImageException("it is a link to something other than a file");
        }
        if (found.size() != file.bytes()) {
            throw new ChangedFileException(file.name(), found.size() + " bytes instead of " + file.bytes());
        }
        if (!file.version().isEmpty() && !file.version().equals(version(found))) {
            throw new ChangedFileException(file.name(), "it was written again at " + found.lastModifiedTime());
        }
    }

    byte[] read(Path path, SourceFile file, long offset, int length) throws IOException {
        OpenFile from = acquire(path, file);
        try {
            if (System.nanoTime() - from.checked > RECHECK_NANOS) {
                require(file, Files.readAttributes(path, BasicFileAttributes.class));
                from.checked = System.nanoTime();
            }
            return read(from.channel, offset, length);
        } finally {
            release(from);
        }
    }

    static byte[] read(FileChannel channel, long offset, int length) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(length);
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, offset + buffer.position()) < 0) {
                throw new EOFException("the file ends at byte " + (offset + buffer.position()));
            }
        }
        return buffer.array();
    }

    private OpenFile acquire(Path path, SourceFile file) throws IOException {
        synchronized (this) {
            OpenFile known = open.get(file.name());
            if (known != null) {
                known.readers++;
                return known;
            }
        }
        require(file, Files.readAttributes(path, BasicFileAttributes.class));
        OpenFile opened = new OpenFile(FileChannel.open(path, StandardOpenOption.READ));
        synchronized (this) {
            opened.readers++;
            if (closed || open.putIfAbsent(file.name(), opened) != null) {
                opened.dropped = true; // another thread was first: this one is closed after its read
            }
            dropLeastUsed();
        }
        return opened;
    }

    private synchronized void dropLeastUsed() throws IOException {
        Iterator<OpenFile> oldest = open.values().iterator();
        while (open.size() > MOST && oldest.hasNext()) {
            OpenFile file = oldest.next();
            oldest.remove();
            drop(file);
        }
    }

    private synchronized void drop(OpenFile file) throws IOException {
        file.dropped = true;
        if (file.readers == 0) {
            file.channel.close();
        }
    }

    private synchronized void release(OpenFile file) throws IOException {
        file.readers--;
        if (file.dropped && file.readers == 0) {
            file.channel.close();
        }
    }

    /** Closes all files, also after one of them has failed; those that are being read are closed after it. */
    @Override
    public void close() throws IOException {
        IOException failure = null;
        synchronized (this) {
            closed = true;
            for (OpenFile file : open.values()) {
                try {
                    drop(file);
                } catch (IOException e) {
                    if (failure == null) {
                        failure = e;
                    } else {
                        failure.addSuppressed(e);
                    }
                }
            }
            open.clear();
        }
        if (failure != null) {
            throw failure;
        }
    }
}
