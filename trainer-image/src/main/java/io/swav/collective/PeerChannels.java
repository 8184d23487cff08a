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
 * One connected, handshaken socket to every other rank, and messages over them. One thread at a time moves all messages
 * of a call at once by non-blocking reads and writes, so ranks that all send first cannot block each other. Any thread may
 * look after the peers meanwhile, or end the wire.
 *
 * <p>A peer may fail and meet the others again while this rank waits for a third, which waits for a peer that this rank
 * believes it has met. So whoever waits looks at all peers by the {@link Lifeline}. One that is lost ends the exchange
 * before it would call again: those who fail one after another would never meet.
 *
 * <p>Message: {@link FrameHeader}, body. A frame that is not the one due ends the wire.
 *
 * <p>The kernel tunes the socket buffers: setting them by hand would cap them at net.core.wmem_max.
 */
final class PeerChannels implements AutoCloseable {
    /** A body to send to, or to receive from, the rank {@code peer} of the whole world. */
    record Message(int peer, ByteBuffer body) {}

    /** Why the wire ended; all who ask hear of the same peer. */
    private record End(String reason, @Nullable Exception cause) {}

    /** Well below the pause of a trainer that has failed before it calls again. */
    private static final long LOOK_MILLIS = 20;

    private static final long LOOK_NANOS = Duration.ofMillis(LOOK_MILLIS).toNanos();

    private final long generation;
    private final @Nullable Link[] links;
    private final Lifeline lifeline;
    private final Selector selector;
    private final AtomicReference<@Nullable End> end = new AtomicReference<>();
    private final List<Link> ready = new ArrayList<>();
    private ByteBuffer scratch = ByteBuffer.allocateDirect(0);
    private long sentBytes;

    /**
     * @param peers by rank, null at this process's own; owned from here on
     * @param lifeline to the same peers; the caller closes it, after the wire
     */
    PeerChannels(long generation, @Nullable SocketChannel[] peers, Lifeline lifeline) throws IOException {
        this.generation = generation;
        this.lifeline = lifeline;
        this.selector = Selector.open();
        this.links = new Link[peers.length];
        for (int rank = 0; rank < peers.length; rank++) {
            SocketChannel channel = peers[rank];
            if (channel != null) {
                channel.configureBlocking(false);
                Link link = new Link(rank, channel, channel.register(selector, 0));
                link.key.attach(link);
                links[rank] = link;
            }
        }
    }

    /** Direct memory of at least {@code bytes}, contents undefined, valid until the next call. */
    ByteBuffer scratch(int bytes) {
        if (scratch.capacity() < bytes) {
            scratch = ByteBuffer.allocateDirect(bytes);
        }
        return scratch.slice(0, bytes).order(ByteOrder.nativeOrder());
    }

    /** Of all messages so far, without their frames. */
    long sentBytes() {
        return sentBytes;
    }

    /** Moves all of them, each peer's in the order of the lists. The first failure ends the wire. */
    void exchange(Collection<Message> sends, Collection<Message> receives) {
        checkWhole();
        try {
            for (Message message : sends) {
                sentBytes += message.body().remaining();
                link(message.peer()).send(message.body());
            }
            for (Message message : receives) {
                link(message.peer()).incoming.add(message.body());
            }
            move();
        } catch (IOException | ClosedSelectorException | CancelledKeyException failure) {
            end(because(failure), failure);
            checkWhole();
        }
    }

    private String because(Exception failure) {
        return "generation " + generation + ": " + failure.getMessage();
    }

    /** Finds peers that are gone, for any thread; does not wait, and leaves it to an exchange to end with them. */
    void checkPeers() {
        Optional<LostPeerException> gone = lifeline.gone();
        checkWhole(); // before what was closed here is taken for a loss
        if (gone.isPresent()) {
            throw new CollectiveException(because(gone.get()), gone.get());
        }
    }

    private void move() throws IOException {
        int busy = 0;
        for (Link link : links) {
            busy += link != null && link.advance() ? 1 : 0;
        }
        long looked = System.nanoTime();
        long moved = looked;
        while (busy > 0) {
            ready.clear();
            selector.select(key -> ready.add((Link) key.attachment()), LOOK_MILLIS);
            checkWhole();
            for (Link link : ready) {
                busy -= link.advance() ? 0 : 1;
            }
            long now = System.nanoTime();
            if (!ready.isEmpty()) {
                moved = now;
            }
            if (busy > 0 && now - looked >= LOOK_NANOS) {
                looked = now;
                Optional<LostPeerException> gone = lifeline.gone(moved);
                if (gone.isPresent()) {
                    throw gone.get();
                }
            }
        }
    }

    /** Whether it has not ended. */
    boolean isWhole() {
        return end.get() == null;
    }

    private void checkWhole() {
        End why = end.get();
        if (why != null) {
            throw why.cause() == null
                    ? new CollectiveException(why.reason())
                    : new CollectiveException(why.reason(), why.cause());
        }
    }

    private Link link(int rank) {
        Link link = links[rank];
        if (link == null) {
            throw new IllegalArgumentException("rank " + rank + " exchanges with itself");
        }
        return link;
    }

    /** Ends the wire for good: a call in progress fails at once, and every peer sees its socket close. For any thread. */
    void breakOff(String reason) {
        end(reason, null);
    }

    @Override
    public void close() {
        end("closed", null);
    }

    /** The first reason is the one that counts. */
    private void end(String reason, @Nullable Exception cause) {
        if (!end.compareAndSet(null, new End(reason, cause))) {
            return;
        }
        for (Link link : links) {
            if (link != null) {
                Closeables.quietly(link.channel);
            }
        }
        // only now are the sockets' descriptors freed: a selector keeps those of closed channels until then
        Closeables.quietly(selector);
    }

    /** One peer's socket, with what is still to go out and to come in. */
    private final class Link {
        final SocketChannel channel;
        private final int rank;
        private final SelectionKey key;
        private final Deque<ByteBuffer[]> outgoing = new ArrayDeque<>();
        private final Deque<ByteBuffer> incoming = new ArrayDeque<>();
        private final ByteBuffer header = ByteBuffer.allocateDirect(FrameHeader.BYTES);
        /** Of the message whose body is due. */
        private boolean headerChecked;

        private long sent;
        private long received;

        Link(int rank, SocketChannel channel, SelectionKey key) {
            this.rank = rank;
            this.channel = channel;
            this.key = key;
        }

        void send(ByteBuffer body) {
            ByteBuffer head = ByteBuffer.allocate(FrameHeader.BYTES);
            new FrameHeader(generation, sent++, body.remaining()).write(head);
            outgoing.add(new ByteBuffer[] {head.flip(), body});
        }

        /** Moves what the socket takes and has; true while something is left. */
        boolean advance() throws IOException {
            write();
            read();
            int interest =
                    (outgoing.isEmpty() ? 0 : SelectionKey.OP_WRITE) | (incoming.isEmpty() ? 0 : SelectionKey.OP_READ);
            if (key.interestOps() != interest) {
                key.interestOps(interest);
            }
            return interest != 0;
        }

        private void write() throws IOException {
            while (!outgoing.isEmpty()) {
                ByteBuffer[] message = outgoing.element();
                try {
                    channel.write(message);
                } catch (IOException e) {
                    throw lost(e);
                }
                if (message[0].hasRemaining() || message[1].hasRemaining()) {
                    return;
                }
                outgoing.remove();
            }
        }

        private void read() throws IOException {
            while (!incoming.isEmpty()) {
                ByteBuffer body = incoming.element();
                if (!headerChecked) {
                    if (!fill(header)) {
                        return;
                    }
                    checkHeader(body.remaining());
                    headerChecked = true;
                }
                if (!fill(body)) {
                    return;
                }
                header.clear();
                headerChecked = false;
                incoming.remove();
            }
        }

        private boolean fill(ByteBuffer buffer) throws IOException {
            while (buffer.hasRemaining()) {
                int count;
                try {
                    count = channel.read(buffer);
                } catch (IOException e) {
                    throw lost(e);
                }
                if (count < 0) {
                    throw new LostPeerException(rank, "rank " + rank + " closed its connection", null);
                }
                if (count == 0) {
                    return false;
                }
            }
            return true;
        }

        private void checkHeader(int expected) throws IOException {
            FrameHeader due = new FrameHeader(generation, received++, expected);
            FrameHeader got = FrameHeader.read(header);
            if (!got.is(due)) {
                throw new LostPeerException(rank, "rank " + rank + " sent " + got + " where " + due + " was due", null);
            }
        }

        private IOException lost(IOException cause) {
            return new LostPeerException(rank, "lost rank " + rank + ": " + cause.getMessage(), cause);
        }
    }
}
