package io.swav.collective;

import io.swav.collective.Handshake.Hello;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.nio.channels.UnresolvedAddressException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import jdk.net.ExtendedSocketOptions;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connects every rank with every other, with one connection for each line. Each rank calls the ranks below its own and is
 * called by those above.
 */
public final class TcpMesh {
    private static final Logger LOG = LoggerFactory.getLogger(TcpMesh.class);
    private static final int CONNECT_MILLIS = 1000;
    private static final long RETRY_NANOS = Duration.ofMillis(50).toNanos();
    /** The line of a call that only asks whether the peer answers: it becomes part of no mesh. */
    static final int PROBE = -1;

    private TcpMesh() {}

    /** A rank of the world to connect. */
    public record Peer(String uid, InetSocketAddress address) {}

    /**
     * Connects to the members of one generation; if it fails, it leaves no connection open.
     *
     * @param peers the members by rank, including this process
     * @param cancelled polled; true ends the attempt
     * @throws CollectiveException if the deadline has passed, a peer is in a newer generation, or it was cancelled
     */
    public static Collective connect(
            PeerListener listener,
            int rank,
            List<Peer> peers,
            long generation,
            Duration deadline,
            BooleanSupplier cancelled) {
        RankChecks.check(rank, peers.size());
        listener.rejectBefore(generation);
        if (peers.size() == 1) {
            return new SoloCollective();
        }
        long end = System.nanoTime() + deadline.toNanos();
        @Nullable SecuredChannel[][] channels = new SecuredChannel[TcpCollective.LINES][peers.size()];
        boolean formed = false;
        try {
            for (int peer = 0; peer < rank; peer++) {
                for (int line = 0; line < channels.length; line++) {
                    Hello hello = new Hello(
                            generation,
                            rank,
                            listener.uid(),
                            peer,
                            peers.get(peer).uid(),
                            line);
                    channels[line][peer] = call(listener, peers.get(peer).address(), hello, end, cancelled);
                }
            }
            for (int peer = rank + 1; peer < peers.size(); peer++) {
                for (int line = 0; line < channels.length; line++) {
                    PendingConnections.ConnectionKey caller = new PendingConnections.ConnectionKey(
                            generation, peer, peers.get(peer).uid(), line);
                    channels[line][peer] = listener.await(caller, end, cancelled);
                }
            }
            Collective collective = TcpCollective.over(channels, rank, generation);
            formed = true;
            return collective;
        } catch (IOException e) {
            throw new CollectiveException("could not form generation " + generation + ": " + e.getMessage(), e);
        } finally {
            for (@Nullable SecuredChannel[] line : channels) {
                for (SecuredChannel channel : line) {
                    if (!formed && channel != null) {
                        Closeables.quietly(channel);
                    }
                }
            }
        }
    }

    /** Calls until the peer answers, because it may not be listening yet. */
    private static SecuredChannel call(
            PeerListener listener, InetSocketAddress address, Hello hello, long end, BooleanSupplier cancelled)
            throws IOException {
        String last = "no answer";
        while (!cancelled.getAsBoolean()) {
            if (System.nanoTime() - end >= 0) {
                throw new LostPeerException(
                        hello.peerRank(),
                        "cannot reach rank " + hello.peerRank() + " (" + hello.peerUid() + ") at " + address + ": "
                                + last,
                        null);
            }
            try {
                return tryCall(listener.handshake(), address, hello);
            } catch (IOException e) {
                last = String.valueOf(e.getMessage());
                LOG.debug("calling rank {} at {}: {}", hello.peerRank(), address, last);
            }
            LockSupport.parkNanos(RETRY_NANOS);
        }
        throw new CollectiveException("forming generation " + hello.generation() + " was cancelled");
    }

    /**
     * Calls a peer once, with the whole handshake and nothing else: neither side's world is touched. It takes up to a
     * second to connect, and {@link Handshake#TIME_LIMIT} beyond that.
     *
     * @return why the peer was not reached; empty if it was, whatever its generation
     */
    public static Optional<String> probe(PeerListener listener, Peer peer) {
        Hello hello = new Hello(0, 0, listener.uid(), 0, peer.uid(), PROBE);
        try {
            tryCall(listener.handshake(), peer.address(), hello).close();
            return Optional.empty();
        } catch (CollectiveException ahead) { // a trainer of an earlier version, which judges the generation
            return Optional.empty();
        } catch (IOException | UnresolvedAddressException e) {
            return Optional.of("at " + shown(peer.address()) + ": " + (e.getMessage() == null ? e : e.getMessage()));
        }
    }

    private static String shown(InetSocketAddress address) {
        return address.getHostString() + ":" + address.getPort();
    }

    private static SecuredChannel tryCall(Handshake handshake, InetSocketAddress address, Hello hello)
            throws IOException {
        SocketChannel channel = SocketChannel.open();
        boolean welcome = false;
        try {
            channel.socket().connect(resolved(address), CONNECT_MILLIS);
            tune(channel);
            Handshake.Reply reply = handshake.dial(channel, hello);
            switch (reply.verdict()) {
                case Welcome -> {
                    welcome = true;
                    return new SecuredChannel(channel, reply.keys());
                }
                case Stale ->
                    throw new CollectiveException("rank " + hello.peerRank() + " (" + hello.peerUid()
                            + ") is in a newer world than generation " + hello.generation());
                case Stranger ->
                    throw new IOException("a trainer other than " + hello.peerUid() + " listens at this address");
                case OtherProtection ->
                    throw new IOException(handshake.protection().mismatch("it"));
            }
            throw new IllegalStateException("verdict " + reply.verdict());
        } finally {
            if (!welcome) {
                Closeables.quietly(channel);
            }
        }
    }

    private static InetSocketAddress resolved(InetSocketAddress address) {
        return address.isUnresolved() ? new InetSocketAddress(address.getHostString(), address.getPort()) : address;
    }

    /**
     * Makes small messages leave at once, and detects within ten seconds that a host has vanished if no data was in flight
     * to it, as on the lifeline.
     */
    static void tune(SocketChannel channel) throws IOException {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        if (channel.supportedOptions().contains(ExtendedSocketOptions.TCP_KEEPIDLE)) {
            channel.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, 4);
            channel.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, 2);
            channel.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, 3);
        }
    }
}
