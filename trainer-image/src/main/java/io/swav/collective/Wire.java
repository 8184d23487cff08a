package io.swav.collective;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * One connected, handshaken socket to every other rank, and messages over them. A single thread moves all messages of
 * a call at once by non-blocking reads and writes, so ranks that all send first cannot block each other.
 *
 * <p>Message: {@link Frame}, body. A frame that is not the one due ends the wire.
 *
 * <p>The kernel tunes the socket buffers: setting them by hand would cap them at net.core.wmem_max.
 */
final class Wire implements AutoCloseable {
    /** A body to send to, or to receive from, the rank {@code peer} of the whole world. */
    record Message(int peer, ByteBuffer body) {}

    private final long generation;
    private final @Nullable Link[] links;
    private final Selector selector;
    private ByteBuffer scratch = ByteBuffer.allocateDirect(0);
    private volatile @Nullable String broken;
    /** What broke it, where that was not told by {@link #breakOff}: whoever asks later hears of the same peer. */
    private volatile @Nullable Exception first;

    private long sentBytes;

    /** @param peers by rank, null at this process's own; owned from here on */
    Wire(long generation, @Nullable SocketChannel[] peers) throws IOException {
        this.generation = generation;
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

    private interface Work {
        void run() throws IOException;
    }

    /** Moves all of them, each peer's in the order of the lists. */
    void exchange(Collection<Message> sends, Collection<Message> receives) {
        whole(() -> {
            for (Message message : sends) {
                sentBytes += message.body().remaining();
                link(message.peer()).send(message.body());
            }
            for (Message message : receives) {
                link(message.peer()).incoming.add(message.body());
            }
            move();
        });
    }

    /** Finds peers that are gone while nothing is exchanged; does not wait. */
    void checkPeers() {
        whole(() -> {
            for (Link link : links) {
                if (link != null) { // a full header waits for its body: the peer sends
                    link.fill(link.header);
                }
            }
        });
    }

    /** The first failure of {@code work} breaks the wire. */
    private void whole(Work work) {
        try {
            checkWhole();
            work.run();
        } catch (IOException | ClosedSelectorException | CancelledKeyException failure) {
            String reason = broken;
            if (reason != null) {
                throw new CollectiveException(reason, failure);
            }
            first = failure;
            breakOff(String.valueOf(failure.getMessage()));
            throw new CollectiveException("generation " + generation + ": " + failure.getMessage(), failure);
        }
    }

    private void move() throws IOException {
        int busy = 0;
        for (Link link : links) {
            busy += link != null && link.advance() ? 1 : 0;
        }
        while (busy > 0) {
            selector.select();
            checkWhole();
            for (SelectionKey key : selector.selectedKeys()) {
                busy -= ((Link) key.attachment()).advance() ? 0 : 1;
            }
            selector.selectedKeys().clear();
        }
    }

    private void checkWhole() {
        String reason = broken;
        if (reason != null) {
            Exception cause = first;
            throw cause == null ? new CollectiveException(reason) : new CollectiveException(reason, cause);
        }
    }

    private Link link(int rank) {
        Link link = links[rank];
        if (link == null) {
            throw new IllegalArgumentException("rank " + rank + " exchanges with itself");
        }
        return link;
    }

    /** Ends the wire for good: a call in progress fails at once, and every peer sees its socket close. */
    void breakOff(String reason) {
        if (broken != null) {
            return;
        }
        broken = reason;
        close();
    }

    @Override
    public void close() {
        if (broken == null) {
            broken = "closed";
        }
        for (Link link : links) {
            if (link != null) {
                Closing.quietly(link.channel);
            }
        }
        // only now are the sockets' descriptors freed: a selector keeps those of closed channels until then
        Closing.quietly(selector);
    }

    /** One peer's socket, with what is still to go out and to come in. */
    private final class Link {
        final SocketChannel channel;
        private final int rank;
        private final SelectionKey key;
        private final Deque<ByteBuffer[]> outgoing = new ArrayDeque<>();
        private final Deque<ByteBuffer> incoming = new ArrayDeque<>();
        private final ByteBuffer header = ByteBuffer.allocateDirect(Frame.BYTES);
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
            ByteBuffer head = ByteBuffer.allocate(Frame.BYTES);
            new Frame(generation, sent++, body.remaining()).write(head);
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
            Frame due = new Frame(generation, received++, expected);
            Frame got = Frame.read(header);
            if (!got.is(due)) {
                throw new LostPeerException(rank, "rank " + rank + " sent " + got + " where " + due + " was due", null);
            }
        }

        private IOException lost(IOException cause) {
            return new LostPeerException(rank, "lost rank " + rank + ": " + cause.getMessage(), cause);
        }
    }
}
