package io.swav.collective;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One socket to every other rank that carries nothing but a goodbye. Sockets that carry messages show a hang-up late: it
 * is queued behind everything that the peer has sent, which a rank that waits for a different peer does not read; and
 * the kernel takes long to notice that a host has vanished while data was in flight to it. Any thread may call this
 * class; all callers get the same lost peer.
 *
 * <p>A peer that says goodbye has completed the last operation and sent its part of it. That operation is an all-gather
 * or an all-reduce, which completes on no rank before all ranks have begun it. What is left of it moves among ranks that
 * are in it, and they get {@link #GRACE_NANOS}, counted from the last time that data moved, to complete it.
 */
final class Lifeline implements AutoCloseable {
    /** How long the other ranks may take to complete the last operation after a peer's goodbye. */
    static final long GRACE_NANOS = Duration.ofMillis(500).toNanos();

    private final @Nullable SocketChannel[] peers;
    private final ByteBuffer goodbye = ByteBuffer.allocateDirect(1);
    private final Set<Integer> leaving = new HashSet<>();
    private Optional<LostPeerException> lost = Optional.empty();
    private Optional<LostPeerException> left = Optional.empty();
    private long leftAt;

    /** @param peers sockets by rank, null at this process's own; owned from here on */
    Lifeline(@Nullable SocketChannel[] peers) throws IOException {
        this.peers = peers;
        for (SocketChannel peer : peers) {
            if (peer != null) {
                peer.configureBlocking(false);
            }
        }
    }

    /**
     * Returns a peer that has hung up without a goodbye, or one that said goodbye at least {@link #GRACE_NANOS} ago.
     * Does not block.
     */
    synchronized Optional<LostPeerException> gone() {
        poll();
        return gone(leftAt);
    }

    /**
     * Like {@link #gone()}, for a caller that sees data move among the other ranks: the grace after a goodbye restarts
     * whenever data moves.
     *
     * @param movedAt when data last moved, in the time of {@link System#nanoTime}
     */
    synchronized Optional<LostPeerException> gone(long movedAt) {
        poll();
        long now = System.nanoTime();
        return lost.or(() -> left.filter(peer -> now - leftAt >= GRACE_NANOS && now - movedAt >= GRACE_NANOS));
    }

    private void poll() {
        for (int rank = 0; rank < peers.length && lost.isEmpty(); rank++) {
            SocketChannel peer = peers[rank];
            if (peer != null) {
                poll(rank, peer);
            }
        }
    }

    private void poll(int rank, SocketChannel peer) {
        try {
            int count = peer.read(goodbye.clear());
            if (count > 0) {
                leaving.add(rank);
                if (left.isEmpty()) {
                    left = Optional.of(new LostPeerException(rank, "rank " + rank + " left", null));
                    leftAt = System.nanoTime();
                }
            } else if (count < 0 && !leaving.contains(rank)) {
                lost = Optional.of(new LostPeerException(rank, "rank " + rank + " closed its connection", null));
            }
        } catch (IOException e) {
            if (!leaving.contains(rank)) {
                lost = Optional.of(new LostPeerException(rank, "lost rank " + rank + ": " + e.getMessage(), e));
            }
        }
    }

    /** Says goodbye: this rank has completed all its operations. */
    void leave() {
        for (SocketChannel peer : peers) {
            try {
                if (peer != null) {
                    peer.write(ByteBuffer.allocate(1));
                }
            } catch (IOException gone) {
                // this peer has left already and needs no goodbye
            }
        }
    }

    @Override
    public void close() {
        for (SocketChannel peer : peers) {
            if (peer != null) {
                Closeables.quietly(peer);
            }
        }
    }
}
