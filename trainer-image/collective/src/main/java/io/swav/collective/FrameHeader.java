package io.swav.collective;

import java.nio.ByteBuffer;

/**
 * The header that precedes every message. A header other than the expected one means that the sender is in a different
 * state than the receiver, and ends the connection.
 *
 * @param generation generation of the sender's world
 * @param number messages sent before this one on the connection, in this direction
 * @param length bytes of the body
 */
public record FrameHeader(long generation, long number, long length) {
    /** Length of the encoding. */
    static final int BYTES = 24;

    static FrameHeader read(ByteBuffer from) {
        return new FrameHeader(from.getLong(0), from.getLong(8), from.getLong(16));
    }

    void write(ByteBuffer to) {
        to.putLong(generation).putLong(number).putLong(length);
    }

    /** Whether a message with this header is acceptable when {@code due} is expected. */
    public boolean is(FrameHeader due) {
        return equals(due);
    }
}
