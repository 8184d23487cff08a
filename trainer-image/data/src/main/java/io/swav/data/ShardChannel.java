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
 */
record ShardChannel(FileChannel file) implements SeekableByteChannel {
    @Override
    public int read(ByteBuffer to) {
        return (int) number(() -> file.read(to));
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
