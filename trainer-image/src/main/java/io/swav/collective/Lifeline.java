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
 * A socket to every other rank that carries nothing but a goodbye. On one that carries messages a hang-up comes behind all
 * that the peer has sent, and a rank that waits for another does not read it; and the kernel hears late of a host that
 * vanished while something was on its way to it. For any thread; whoever asks later hears of the same peer.
 *
 * <p>A peer that took its leave is done with the last operation (an all-gather, an all-reduce: over nowhere before all have
 * begun it) and has sent its part; what is left moves among ranks that are in it, and gets {@link #GRACE_NANOS} from where
 * it last moved.
 */
final class Lifeline implements AutoCloseable {
    static final long GRACE_NANOS = Duration.ofMillis(500).toNanos();

    private final @Nullable SocketChannel[] peers;
    private final ByteBuffer goodbye = ByteBuffer.allocateDirect(1);
    private final Set<Integer> leaving = new HashSet<>();
    private Optional<LostPeerException> lost = Optional.empty();
    private Optional<LostPeerException> left = Optional.empty();
    private long leftAt;

    /** @param peers by rank, null at this process's own; owned from here on */
    Lifeline(@Nullable SocketChannel[] peers) throws IOException {
        this.peers = peers;
        for (SocketChannel peer : peers) {
            if (peer != null) {
                peer.configureBlocking(false);
            }
        }
    }

    /** A peer that has hung up without a goodbye, or that took its leave a while ago. Does not wait. */
    synchronized Optional<LostPeerException> gone() {
        look();
        return gone(leftAt);
    }

    /** The same for one who sees something move among the others, {@code movedAt} of {@link System#nanoTime} at last. */
    synchronized Optional<LostPeerException> gone(long movedAt) {
        look();
        long now = System.nanoTime();
        return lost.or(() -> left.filter(peer -> now - leftAt >= GRACE_NANOS && now - movedAt >= GRACE_NANOS));
    }

    private void look() {
        for (int rank = 0; rank < peers.length && lost.isEmpty(); rank++) {
            SocketChannel peer = peers[rank];
            if (peer != null) {
                look(rank, peer);
            }
        }
    }

    private void look(int rank, SocketChannel peer) {
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

    /** Says goodbye: this rank is done with all operations. */
    void leave() {
        for (SocketChannel peer : peers) {
            try {
                if (peer != null) {
                    peer.write(ByteBuffer.allocate(1));
                }
            } catch (IOException gone) {
                // nobody is there to be told
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
