package io.swav.collective;

import java.nio.ByteBuffer;

/**
 * The header that precedes every frame. A header other than the expected one means that the frame was damaged, repeated
 * or moved, or that the sender is in a different state than the receiver. It ends the connection.
 *
 * @param generation generation of the sender's world
 * @param number frames sent before this one on the connection, in this direction
 * @param length bytes of the message from this frame on: a frame has as many of them as fit, and the rest follows
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

    /** Whether a frame with this header is acceptable when {@code due} is expected. */
    public boolean is(FrameHeader due) {
        return equals(due);
    }

    /** Describes what a header that {@link #is} not acceptable points to. */
    String differenceFrom(FrameHeader due) {
        if (generation == due.generation && length == due.length) {
            return number < due.number
                    ? "a frame came again or late, or its header was changed on the way"
                    : "frames before it are missing, or its header was changed on the way";
        }
        if (number == due.number && length == due.length) {
            return "the sender is in another world, or the header was changed on the way";
        }
        if (number == due.number && generation == due.generation) {
            return "the sender is at another operation, or the header was changed on the way";
        }
        return "frames or bytes were lost, repeated or changed on the way, or the sender does not speak this protocol";
    }
}
