package io.swav.data;

import io.swav.data.FileSource.SourceFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Objects;

/**
 * A shard as commons-compress reads it: headers in blocks. The library reads the contents of entries too, only to skip them;
 * for those that nobody wants ({@link #content}) it gets bytes that were never read from the source. That library throws IOException for a damaged archive; to tell the two apart, this stream throws {@link
 * UncheckedIOException} if the shard itself cannot be read.
 *
 * <p>The library takes an entry that holds a long name or attributes into memory whole, whatever size it claims. So the
 * bytes that are read for one entry's header are bounded.
 */
final class ShardStream extends InputStream {
    /** More than any name or attributes need. */
    static final long MAX_HEADER = 16 << 20;
    /** After a jump, a header is likely to be all that is wanted. */
    private static final int JUMP_SHARE = 16;

    private static final int SMALLEST_BLOCK = 4096;
    private static final byte[] NOTHING = new byte[0];

    private final FileSource source;
    private final SourceFile shard;
    private long position;
    private byte[] block = NOTHING;
    private long blockStart;
    private int nextBlock;
    private long headerStart;
    private long hollowEnd;

    ShardStream(FileSource source, SourceFile shard) {
        this.source = source;
        this.shard = shard;
        this.nextBlock = source.efficientRead();
    }

    long position() {
        return position;
    }

    /**
     * Ends a header.
     *
     * @param bytes of content that follows, which is no header
     * @param wanted whether the content is read from the source; otherwise the library gets arbitrary bytes for it
     */
    void content(long bytes, boolean wanted) {
        headerStart = position + Math.min(bytes, shard.bytes() - position);
        hollowEnd = wanted ? position : headerStart;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int from, int length) throws IOException {
        Objects.checkFromIndexSize(from, length, to.length);
        if (length == 0) {
            return 0;
        }
        if (position >= shard.bytes()) {
            return -1;
        }
        if (position < hollowEnd) {
            int count = (int) Math.min(length, hollowEnd - position);
            position += count;
            return count;
        }
        if (position - headerStart > MAX_HEADER) {
            throw new IOException("the entry before byte " + position + " claims a name or attributes of more than "
                    + MAX_HEADER + " bytes");
        }
        if (position < blockStart || position >= blockStart + block.length) {
            fill();
        }
        int at = (int) (position - blockStart);
        int count = Math.min(length, block.length - at);
        System.arraycopy(block, at, to, from, count);
        position += count;
        return count;
    }

    /** Reads twice as much each time as long as every byte is wanted, up to what is worth one read. */
    private void fill() {
        int most = source.efficientRead();
        boolean continues = position - (blockStart + block.length) < SMALLEST_BLOCK;
        nextBlock = continues ? Math.min(most, 2 * nextBlock) : Math.max(SMALLEST_BLOCK, most / JUMP_SHARE);
        int length = (int) Math.min(nextBlock, shard.bytes() - position);
        block = NOTHING; // its memory is free while the next one is read
        try {
            block = source.read(shard, position, length);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        blockStart = position;
    }
}
