package io.swav.collective;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;
import org.jspecify.annotations.Nullable;

/** Sends messages over a non-blocking channel, in sealed frames. One thread at a time uses it. */
final class FrameWriter {
    private final long generation;
    private final GatheringByteChannel channel;
    private final FrameSeal seal;
    private long number;
    private ByteBuffer @Nullable [] frame;
    private int bodyBytes;

    FrameWriter(long generation, GatheringByteChannel channel, FrameSeal seal) {
        this.generation = generation;
        this.channel = channel;
        this.seal = seal;
    }

    /**
     * Sends as much of a message as the channel takes now.
     *
     * @param body the rest of the message, whose position moves
     * @return whether all of it has been sent; otherwise the next call must pass the same buffer
     */
    boolean write(ByteBuffer body) throws IOException {
        while (true) {
            ByteBuffer[] sending = frame;
            if (sending == null) {
                bodyBytes = Math.min(body.remaining(), FrameSeal.BODY_BYTES);
                FrameHeader header = new FrameHeader(generation, number++, body.remaining());
                sending = seal.seal(header, body.slice(body.position(), bodyBytes));
                frame = sending;
            }
            channel.write(sending);
            if (sending[sending.length - 1].hasRemaining()) {
                return false;
            }
            frame = null;
            body.position(body.position() + bodyBytes);
            if (!body.hasRemaining()) {
                return true;
            }
        }
    }
}
