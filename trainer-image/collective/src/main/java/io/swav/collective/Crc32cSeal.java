package io.swav.collective;

import java.nio.ByteBuffer;
import java.util.zip.CRC32C;

/**
 * Appends a CRC-32C over key, header and body. The key makes a frame of another connection or direction as wrong as a
 * damaged one. Every changed bit is noticed, and so is every burst of up to 32 bits; other damage passes once in 2³².
 */
final class Crc32cSeal implements FrameSeal {
    static final int TAG_BYTES = 4;

    private final byte[] key;
    private final CRC32C crc = new CRC32C();
    private final ByteBuffer header = ByteBuffer.allocateDirect(FrameHeader.BYTES);
    private final ByteBuffer tag = ByteBuffer.allocateDirect(TAG_BYTES);

    Crc32cSeal(byte[] key) {
        this.key = key;
    }

    @Override
    public ByteBuffer[] seal(FrameHeader of, ByteBuffer body) {
        of.write(header.clear());
        header.flip();
        tag.clear().putInt(checksum(body)).flip();
        return new ByteBuffer[] {header, body.slice(), tag};
    }

    @Override
    public ByteBuffer[] room(ByteBuffer body) {
        return new ByteBuffer[] {header.clear(), body.slice(), tag.clear()};
    }

    @Override
    public boolean open(FrameHeader due, ByteBuffer body) {
        due.write(header.clear());
        header.flip();
        return checksum(body) == tag.getInt(0);
    }

    /** Returns the checksum over key, header, which must be readable from its beginning, and body. */
    private int checksum(ByteBuffer body) {
        crc.reset();
        crc.update(key);
        crc.update(header.duplicate());
        crc.update(body.duplicate());
        return (int) crc.getValue();
    }
}
