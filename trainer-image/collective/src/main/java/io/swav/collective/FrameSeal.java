package io.swav.collective;

import java.nio.ByteBuffer;

/**
 * Protects the frames of one direction of one connection: one end seals them, the other opens them in the same order. A
 * frame is a {@link FrameHeader}, at most {@link #BODY_BYTES} of body, and a tag over both.
 *
 * <p>The header is readable, so that a receiver can name what is wrong with a frame out of turn, and is compared with the
 * one that is due. The tag then covers the due header.
 */
interface FrameSeal {
    /**
     * Largest body of a frame. The cipher's buffers stay in a core's cache at this size, and a header and a tag are 0.06 %
     * of the bytes.
     */
    int BODY_BYTES = 64 << 10;

    /** Memory for one frame, which the seals of one thread may share; contents are undefined between calls. */
    final class Scratch {
        /** A body, encrypted, with its tag. */
        final byte[] sealed = new byte[BODY_BYTES + AesGcmSeal.TAG_BYTES];

        final byte[] plain = new byte[BODY_BYTES];
        final byte[] header = new byte[FrameHeader.BYTES];
    }

    /**
     * Seals a frame.
     *
     * @param body its position and limit are left as they are
     * @return the frame, to be sent before the next call; valid while {@code body} is unchanged
     */
    ByteBuffer[] seal(FrameHeader header, ByteBuffer body);

    /**
     * Returns the buffers to receive a frame into. The first one begins with the header.
     *
     * @param body receives the body, here or in {@link #open}
     */
    ByteBuffer[] room(ByteBuffer body);

    /**
     * Opens the frame that has filled the buffers of {@link #room}, and leaves its body in {@code body}.
     *
     * @param due the header that was received, which is the one that was expected
     * @return false if the frame is not as it was sealed; the contents of {@code body} are then undefined
     */
    boolean open(FrameHeader due, ByteBuffer body);
}
