package io.swav.data;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** Writes one WebDataset shard. The same samples give the same bytes, which are on the disk when it is closed. */
final class TarShard implements AutoCloseable {
    private final FileChannel channel;
    private final TarArchiveOutputStream tar;

    /** @param file replaced if it exists */
    TarShard(Path file) throws IOException {
        channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        tar = new TarArchiveOutputStream(new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16));
        tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
    }

    /**
     * Appends one sample.
     *
     * @param extension of the image, without a dot
     * @param label written as {@code key.cls}; a negative one is not written
     */
    void add(String key, byte[] image, String extension, int label) throws IOException {
        put(key + "." + extension, image);
        if (label >= 0) {
            put(key + ".cls", Integer.toString(label).getBytes(StandardCharsets.US_ASCII));
        }
    }

    private void put(String name, byte[] bytes) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(bytes.length);
        entry.setModTime(0);
        tar.putArchiveEntry(entry);
        tar.write(bytes);
        tar.closeArchiveEntry();
    }

    @Override
    public void close() throws IOException {
        try (channel;
                tar) {
            tar.finish();
            tar.flush();
            channel.force(true);
        }
    }
}
