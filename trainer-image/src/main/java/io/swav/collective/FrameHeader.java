package io.swav.collective;

import java.nio.ByteBuffer;

/**
 * What precedes every message. One that is not the frame due comes from a process that is not where this one is, and
 * ends the connection.
 *
 * @param generation of the sender's world
 * @param number of messages sent before on this connection, in this direction
 * @param length of the body, bytes
 */
public record FrameHeader(long generation, long number, long length) {
    /** Of its encoding. */
    static final int BYTES = 24;

    static FrameHeader read(ByteBuffer from) {
        return new FrameHeader(from.getLong(0), from.getLong(8), from.getLong(16));
    }

    void write(ByteBuffer to) {
        to.putLong(generation).putLong(number).putLong(length);
    }

    /** Whether this one may be taken where {@code due} is expected. */
    public boolean is(FrameHeader due) {
        return equals(due);
    }
}
