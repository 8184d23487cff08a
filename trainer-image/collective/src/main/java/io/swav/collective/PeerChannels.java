package io.swav.collective;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Sends and receives messages over one connected socket to every other rank, on which the handshake is complete. One
 * thread at a time moves all messages of a call together with non-blocking reads and writes, so ranks that all send
 * first cannot block each other. Meanwhile any thread may check the peers or break the channels off.
 *
 * <p>A peer may fail and connect to the others again while this rank waits for a second peer, which in turn waits for one
 * that this rank believes to be connected. An exchange that waits therefore checks all peers over the {@link Lifeline}.
 * It ends at a lost peer before that peer calls again: ranks that fail one after another would otherwise never meet.
 *
 * <p>A message travels in frames ({@link FrameSeal}). Any frame but the one that is due, unchanged, breaks the channels
 * off.
 *
 * <p>The socket buffers are left to the kernel's tuning: setting them by hand would cap them at net.core.wmem_max.
 */
final class PeerChannels implements AutoCloseable {
    /** A body to send to, or to receive from, rank {@code peer} of the whole world. */
    record Message(int peer, ByteBuffer body) {}

    /** Why the channels ended. Kept once, so that all callers get the same lost peer. */
    private record ChannelEnd(String reason, @Nullable Exception cause) {}

    /** How often an exchange checks all peers: well within the pause of a failed trainer before it calls again. */
    private static final long POLL_MILLIS = 20;

    private static final long POLL_NANOS = Duration.ofMillis(POLL_MILLIS).toNanos();

    /**
     * How long a frame may stop halfway. Its rest is in the sender's kernel already, or follows as fast as the sender is
     * scheduled; only a sender that is stopped, or bytes that were lost on the way, keep it longer.
     */
    private static final Duration STALL = Duration.ofSeconds(60);

    private final long generation;
    private final @Nullable Link[] links;
    private final Lifeline lifeline;
    private final Selector selector;
    private final FrameSeal.Scratch frames = new FrameSeal.Scratch();
    private final AtomicReference<@Nullable ChannelEnd> end = new AtomicReference<>();
    private final List<Link> ready = new ArrayList<>();
    private ByteBuffer scratch = ByteBuffer.allocateDirect(0);
    private long sentBytes;

    /**
     * @param peers connections by rank, null at this process's own; owned from here on
     * @param lifeline lifeline to the same peers; the caller closes it, after these channels
     */
    PeerChannels(long generation, @Nullable SecuredChannel[] peers, Lifeline lifeline) throws IOException {
        this(generation, peers, lifeline, STALL);
    }

    /** @param stall how long a frame may stop halfway */
    PeerChannels(long generation, @Nullable SecuredChannel[] peers, Lifeline lifeline, Duration stall)
            throws IOException {
        this.generation = generation;
        this.lifeline = lifeline;
        this.selector = Selector.open();
        this.links = new Link[peers.length];
        for (int rank = 0; rank < peers.length; rank++) {
            SecuredChannel peer = peers[rank];
            if (peer != null) {
                links[rank] = new Link(rank, peer, stall);
            }
        }
    }

    /** Returns {@code bytes} of direct memory with undefined contents, valid until the next call. */
    ByteBuffer scratch(int bytes) {
        if (scratch.capacity() < bytes) {
            scratch = ByteBuffer.allocateDirect(bytes);
        }
        return scratch.slice(0, bytes).order(ByteOrder.nativeOrder());
    }

    /** Bytes of all message bodies sent so far. */
    long sentBytes() {
        return sentBytes;
    }

    /** Moves all messages, those of each peer in the order of the lists. The first failure ends the channels. */
    void exchange(Collection<Message> sends, Collection<Message> receives) {
        checkOpen();
        try {
            for (Message message : sends) {
                sentBytes += message.body().remaining();
                link(message.peer()).outgoing.add(message.body());
            }
            for (Message message : receives) {
                link(message.peer()).incoming.add(message.body());
            }
            move();
        } catch (IOException | ClosedSelectorException | CancelledKeyException failure) {
            end(describe(failure), failure);
            checkOpen();
        }
    }

    private String describe(Exception failure) {
        return "generation " + generation + ": " + failure.getMessage();
    }

    /**
     * Checks for lost peers without blocking; callable from any thread. The channels stay open: an exchange is what ends
     * them.
     *
     * @throws CollectiveException if a peer is lost or the channels have ended
     */
    void checkPeers() {
        Optional<LostPeerException> gone = lifeline.gone();
        checkOpen(); // first, or sockets that this rank closed would look like lost peers
        if (gone.isPresent()) {
            throw new CollectiveException(describe(gone.get()), gone.get());
        }
    }

    private void move() throws IOException {
        int busy = 0;
        for (Link link : links) {
            busy += link != null && link.advance() ? 1 : 0;
        }
        long polled = System.nanoTime();
        long moved = polled;
        while (busy > 0) {
            ready.clear();
            selector.select(key -> ready.add((Link) key.attachment()), POLL_MILLIS);
            checkOpen();
            for (Link link : ready) {
                busy -= link.advance() ? 0 : 1;
            }
            long now = System.nanoTime();
            if (!ready.isEmpty()) {
                moved = now;
            }
            if (busy > 0 && now - polled >= POLL_NANOS) {
                polled = now;
                for (Link link : links) {
                    if (link != null) {
                        link.reader.checkStall(now);
                    }
                }
                Optional<LostPeerException> gone = lifeline.gone(moved);
                if (gone.isPresent()) {
                    throw gone.get();
                }
            }
        }
    }

    /** Whether the channels are open: they have not ended. */
    boolean isOpen() {
        return end.get() == null;
    }

    private void checkOpen() {
        ChannelEnd why = end.get();
        if (why != null) {
            throw why.cause() == null
                    ? new CollectiveException(why.reason())
                    : new CollectiveException(why.reason(), why.cause());
        }
    }

    private Link link(int rank) {
        Link link = links[rank];
        if (link == null) {
            throw new IllegalArgumentException("rank " + rank + " cannot exchange messages with itself");
        }
        return link;
    }

    /**
     * Ends the channels permanently: a call in progress fails at once, and every peer sees its socket close. Callable
     * from any thread.
     */
    void breakOff(String reason) {
        end(reason, null);
    }

    @Override
    public void close() {
        end("closed", null);
    }

    /** Ends the channels; only the first call has an effect, and its reason is the one that is kept. */
    private void end(String reason, @Nullable Exception cause) {
        if (!end.compareAndSet(null, new ChannelEnd(reason, cause))) {
            return;
        }
        for (Link link : links) {
            if (link != null) {
                Closeables.quietly(link.channel);
            }
        }
        // this frees the sockets' descriptors: until it is closed, a selector keeps those of closed channels
        Closeables.quietly(selector);
    }

    /** The socket of one peer, with the messages still to be sent and received. */
    private final class Link {
        final SocketChannel channel;
        private final int rank;
        private final SelectionKey key;
        private final FrameWriter writer;
        private final FrameReader reader;
        private final Deque<ByteBuffer> outgoing = new ArrayDeque<>();
        private final Deque<ByteBuffer> incoming = new ArrayDeque<>();

        Link(int rank, SecuredChannel peer, Duration stall) throws IOException {
            this.rank = rank;
            this.channel = peer.socket();
            channel.configureBlocking(false);
            this.key = channel.register(selector, 0, this);
            this.writer = new FrameWriter(generation, channel, peer.keys().sealing(frames));
            this.reader = new FrameReader(rank, generation, channel, peer.keys().opening(frames), stall);
        }

        /** Sends and receives as much as the socket allows now; returns true while messages are left. */
        boolean advance() throws IOException {
            try {
                while (!outgoing.isEmpty() && writer.write(outgoing.element())) {
                    outgoing.remove();
                }
                while (!incoming.isEmpty() && reader.read(incoming.element())) {
                    incoming.remove();
                }
            } catch (LostPeerException lost) {
                throw lost;
            } catch (IOException e) {
                throw new LostPeerException(rank, "lost rank " + rank + ": " + e.getMessage(), e);
            }
            int interest =
                    (outgoing.isEmpty() ? 0 : SelectionKey.OP_WRITE) | (incoming.isEmpty() ? 0 : SelectionKey.OP_READ);
            if (key.interestOps() != interest) {
                key.interestOps(interest);
            }
            return interest != 0;
        }
    }
}
