package io.swav.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;

/**
 * A shard as commons-compress reads it. That library throws IOException for a damaged archive; to tell the two apart,
 * this channel throws {@link UncheckedIOException} if the file itself cannot be read. Closing the channel does not
 * close the file.
 *
 * <p>The library reads headers, and skips the contents of entries, except that it takes an entry that holds a long name
 * or attributes into memory whole, whatever size it claims. So the bytes that are read without a gap are bounded.
 */
final class ShardChannel implements SeekableByteChannel {
    /** Enough for 32,768 headers of empty entries in a row. */
    static final long MAX_RUN = 16 << 20;

    private final FileChannel file;
    private long runStart;
    private long runEnd;

    ShardChannel(FileChannel file) {
        this.file = file;
    }

    /** @throws IOException if the archive makes the library read more than headers */
    @Override
    public int read(ByteBuffer to) throws IOException {
        long from = position();
        if (from != runEnd) {
            runStart = from;
        }
        int read = (int) number(() -> file.read(to));
        runEnd = from + Math.max(0, read);
        if (runEnd - runStart > MAX_RUN) {
            throw new IOException("the entry before byte " + runEnd + " claims a name or attributes of more than "
                    + MAX_RUN + " bytes");
        }
        return read;
    }

    private interface ReadCall {
        long result() throws IOException;
    }

    private static long number(ReadCall call) {
        try {
            return call.result();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public long position() {
        return number(file::position);
    }

    @Override
    public SeekableByteChannel position(long to) {
        number(() -> file.position(to).position());
        return this;
    }

    @Override
    public long size() {
        return number(file::size);
    }

    @Override
    public int write(ByteBuffer from) {
        throw new NonWritableChannelException();
    }

    @Override
    public SeekableByteChannel truncate(long to) {
        throw new NonWritableChannelException();
    }

    @Override
    public boolean isOpen() {
        return file.isOpen();
    }

    @Override
    public void close() {}
}
