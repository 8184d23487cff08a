package io.swav.data;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file in memory, of any size, without Java heap. One mapping holds at most 2 GiB, so there are several. */
final class MappedBytes {
    /** A power of two, so that aligned numbers do not cross pieces. */
    private static final int PIECE_BITS = 30;

    private static final long PIECE = 1L << PIECE_BITS;

    private final ByteBuffer[] pieces;
    private final long size;

    private MappedBytes(ByteBuffer[] pieces, long size) {
        this.pieces = pieces;
        this.size = size;
    }

    /** Maps a file, which may be removed afterwards. It must not be truncated or overwritten. */
    static MappedBytes map(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            ByteBuffer[] pieces = new ByteBuffer[Math.toIntExact((size + PIECE - 1) / PIECE)];
            for (int i = 0; i < pieces.length; i++) {
                long start = i * PIECE;
                pieces[i] = channel.map(FileChannel.MapMode.READ_ONLY, start, Math.min(PIECE, size - start));
            }
            return new MappedBytes(pieces, size);
        }
    }

    /** Writes all bytes to a channel. */
    void writeTo(WritableByteChannel channel) throws IOException {
        for (ByteBuffer piece : pieces) {
            ByteBuffer left = piece.duplicate().rewind();
            while (left.hasRemaining()) {
                channel.write(left);
            }
        }
    }

    long size() {
        return size;
    }

    private ByteBuffer piece(long at) {
        return pieces[(int) (at >>> PIECE_BITS)];
    }

    /** @param at a multiple of 8 */
    long getLong(long at) {
        return piece(at).getLong((int) (at & (PIECE - 1)));
    }

    /** @param at a multiple of 4 */
    int getInt(long at) {
        return piece(at).getInt((int) (at & (PIECE - 1)));
    }

    byte[] bytes(long at, int length) {
        byte[] bytes = new byte[length];
        int done = 0;
        while (done < length) {
            int from = (int) (at + done & (PIECE - 1));
            int count = (int) Math.min(length - done, PIECE - from);
            piece(at + done).get(from, bytes, done, count);
            done += count;
        }
        return bytes;
    }
}
