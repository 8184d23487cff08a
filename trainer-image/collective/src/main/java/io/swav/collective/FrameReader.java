package io.swav.collective;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ScatteringByteChannel;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Receives messages from one rank over a non-blocking channel. It accepts each frame once, whole, unchanged and in turn,
 * and allocates nothing that a frame asks for. One thread at a time uses it.
 */
final class FrameReader {
    private final int rank;
    private final long generation;
    private final ScatteringByteChannel channel;
    private final FrameSeal seal;
    private final long stallNanos;
    private final ByteBuffer header = ByteBuffer.allocate(FrameHeader.BYTES);
    private long number;
    private @Nullable Arriving frame;

    /** The frame that is due, as far as it has arrived. */
    private static final class Arriving {
        final FrameHeader due;
        final ByteBuffer body;
        final ByteBuffer[] room;
        boolean headerChecked;
        long lastBytesAt;

        Arriving(FrameHeader due, ByteBuffer body, ByteBuffer[] room) {
            this.due = due;
            this.body = body;
            this.room = room;
        }

        boolean isWhole() {
            return !room[room.length - 1].hasRemaining();
        }

        boolean hasBegun() {
            return room[0].position() > 0;
        }
    }

    /**
     * @param rank rank of the sender, for messages
     * @param stall how long a frame may stop halfway
     */
    FrameReader(int rank, long generation, ScatteringByteChannel channel, FrameSeal seal, Duration stall) {
        this.rank = rank;
        this.generation = generation;
        this.channel = channel;
        this.seal = seal;
        this.stallNanos = stall.toNanos();
    }

    /**
     * Receives as much of a message as is there now.
     *
     * @param body the rest of the message, whose position moves
     * @return whether all of it has arrived; otherwise the next call must pass the same buffer
     * @throws LostPeerException if the sender has hung up, or sent anything but the frame that is due
     */
    boolean read(ByteBuffer body) throws IOException {
        while (true) {
            Arriving arriving = frame;
            if (arriving == null) {
                ByteBuffer part = body.slice(body.position(), Math.min(body.remaining(), FrameSeal.BODY_BYTES));
                arriving = new Arriving(new FrameHeader(generation, number, body.remaining()), part, seal.room(part));
                frame = arriving;
            }
            if (!fill(arriving)) {
                return false;
            }
            if (!seal.open(arriving.due, arriving.body)) {
                throw lost("sent frame " + number + " of generation " + generation
                        + " damaged: its body or its tag was changed on the way");
            }
            number++;
            frame = null;
            body.position(body.position() + arriving.body.remaining());
            if (!body.hasRemaining()) {
                return true;
            }
        }
    }

    private boolean fill(Arriving arriving) throws IOException {
        while (!arriving.isWhole()) {
            long count = channel.read(arriving.room);
            if (count > 0) {
                arriving.lastBytesAt = System.nanoTime();
            }
            if (!arriving.headerChecked && arriving.room[0].position() >= FrameHeader.BYTES) {
                checkHeader(arriving);
            }
            if (count < 0) {
                throw lost(
                        arriving.hasBegun()
                                ? "closed its connection in the middle of a frame"
                                : "closed its connection");
            }
            if (count == 0) {
                return false;
            }
        }
        return true;
    }

    private void checkHeader(Arriving arriving) throws LostPeerException {
        header.clear().put(0, arriving.room[0], 0, FrameHeader.BYTES);
        FrameHeader got = FrameHeader.read(header);
        if (!got.is(arriving.due)) {
            throw lost("sent " + got + ", but " + arriving.due + " was expected: " + got.differenceFrom(arriving.due));
        }
        arriving.headerChecked = true;
    }

    /**
     * Checks that the frame that is due has not stopped halfway: bytes were lost, and neither end would ever know.
     *
     * @param now in the time of {@link System#nanoTime}, after the last call of {@link #read}
     */
    void checkStall(long now) throws LostPeerException {
        Arriving arriving = frame;
        if (arriving != null && arriving.hasBegun() && now - arriving.lastBytesAt > stallNanos) {
            throw lost("sent a part of frame " + number + " of generation " + generation + " and nothing more for "
                    + Duration.ofNanos(stallNanos).toSeconds() + " s: the rest was lost on the way");
        }
    }

    private LostPeerException lost(String what) {
        return new LostPeerException(rank, "rank " + rank + " " + what, null);
    }
}
