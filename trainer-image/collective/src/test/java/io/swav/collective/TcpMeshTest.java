package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.Handshake.HandshakeVerdict;
import io.swav.collective.Handshake.Hello;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TcpMeshTest {
    private static final Duration LONG = Duration.ofSeconds(30);

    @Test
    void aCallerWithAnotherKeyIsRefused() throws Exception {
        byte[] other = "another key, as long as the right one".getBytes(StandardCharsets.UTF_8);
        try (PeerListener listener = Ranked.listener("a")) {
            assertThatThrownBy(() ->
                            dial(new Handshake(other, FrameProtection.On), listener, new Hello(1, 1, "b", 0, "a", 0)))
                    .isInstanceOf(Handshake.Refused.class)
                    .hasMessageContaining("key");
        }
    }

    @Test
    void garbageAndSilentClientsDoNotBlockPeers() throws Exception {
        try (PeerListener a = Ranked.listener("a");
                PeerListener b = Ranked.listener("b");
                Socket silent = new Socket(InetAddress.getLoopbackAddress(), a.port());
                Socket garbage = new Socket(InetAddress.getLoopbackAddress(), a.port())) {
            OutputStream out = garbage.getOutputStream();
            out.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".getBytes(StandardCharsets.UTF_8));
            List<TcpMesh.Peer> peers = List.of(Ranked.peer(a), Ranked.peer(b));
            CompletableFuture<Collective> other =
                    CompletableFuture.supplyAsync(() -> TcpMesh.connect(b, 1, peers, 1, LONG, () -> false));
            try (Collective first = TcpMesh.connect(a, 0, peers, 1, LONG, () -> false);
                    Collective second = other.join()) {
                assertThat(first.size()).isEqualTo(second.size());
            }
            // the listener closed the connection: end of stream, or a reset if it had not read all of the garbage
            assertThatThrownBy(() -> {
                        if (garbage.getInputStream().read() < 0) {
                            throw new EOFException();
                        }
                    })
                    .isInstanceOf(IOException.class);
            assertThat(silent.isConnected()).isTrue();
        }
    }

    @Test
    void refusesAnOlderGenerationAndParksALaterOne() throws Exception {
        try (PeerListener listener = Ranked.listener("a")) {
            listener.rejectBefore(5);
            Handshake handshake = new Handshake(Ranked.KEY, FrameProtection.On);
            assertThat(dial(handshake, listener, new Hello(4, 1, "b", 0, "a", 0)))
                    .isEqualTo(HandshakeVerdict.Stale);
            assertThat(dial(handshake, listener, new Hello(6, 1, "b", 0, "a", 0)))
                    .isEqualTo(HandshakeVerdict.Welcome);
            assertThat(dial(handshake, listener, new Hello(6, 1, "b", 0, "not a", 0)))
                    .isEqualTo(HandshakeVerdict.Stranger);
            listener.await(
                            new PendingConnections.ConnectionKey(6, 1, "b", 0),
                            System.nanoTime() + LONG.toNanos(),
                            () -> false)
                    .close();
        }
    }

    /** Both ways: neither end takes the other's frames for damaged ones. */
    @ParameterizedTest
    @EnumSource
    void trainersOfDifferentEncryptionRefuseEachOtherAndSayWhatToSet(FrameProtection own) throws Exception {
        FrameProtection other = own == FrameProtection.On ? FrameProtection.Off : FrameProtection.On;
        try (PeerListener a = Ranked.listener("a", own);
                PeerListener b = Ranked.listener("b", other)) {
            List<TcpMesh.Peer> peers = List.of(Ranked.peer(a), Ranked.peer(b));
            assertThatThrownBy(() -> TcpMesh.connect(b, 1, peers, 1, Duration.ofMillis(300), () -> false))
                    .hasMessageContaining("cannot reach rank 0 (a)")
                    .hasMessageContaining("does not have SWAV_ENCRYPTION=" + other)
                    .hasMessageContaining("for all trainers of the job");
        }
    }

    @Test
    void aRankInAnOlderWorldFailsAsStale() throws Exception {
        try (PeerListener a = Ranked.listener("a");
                PeerListener b = Ranked.listener("b")) {
            a.rejectBefore(9);
            List<TcpMesh.Peer> peers = List.of(Ranked.peer(a), Ranked.peer(b));
            assertThatThrownBy(() -> TcpMesh.connect(b, 1, peers, 8, LONG, () -> false))
                    .isInstanceOf(CollectiveException.class)
                    .hasMessageContaining("newer world than generation 8");
        }
    }

    @Test
    void aProbeReachesAPeerOfAnyGenerationAndLeavesNothingBehind() throws Exception {
        try (PeerListener a = Ranked.listener("a");
                PeerListener b = Ranked.listener("b")) {
            b.rejectBefore(9);
            assertThat(TcpMesh.probe(a, Ranked.peer(b))).isEmpty();
            assertThatThrownBy(() -> b.await(
                            new PendingConnections.ConnectionKey(0, 0, "a", TcpMesh.PROBE),
                            System.nanoTime(),
                            () -> false))
                    .as("the connection is closed, not kept for a world")
                    .isInstanceOf(LostPeerException.class);
        }
    }

    @Test
    void aProbeStatesWhyAPeerIsNotReached() throws Exception {
        byte[] other = "another key, as long as the right one".getBytes(StandardCharsets.UTF_8);
        InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (PeerListener a = Ranked.listener("a");
                PeerListener stranger = PeerListener.open("b", other, FrameProtection.On, any);
                PeerListener plain = Ranked.listener("b", FrameProtection.Off)) {
            assertThat(TcpMesh.probe(a, Ranked.peer(stranger)))
                    .hasValueSatisfying(why -> assertThat(why)
                            .startsWith("at ")
                            .contains(":" + stranger.port() + ": ")
                            .contains("does not hold this job's handshake key"));
            assertThat(TcpMesh.probe(a, Ranked.peer(plain)))
                    .hasValueSatisfying(why -> assertThat(why).contains("SWAV_ENCRYPTION=On"));
            assertThat(TcpMesh.probe(
                            a, new TcpMesh.Peer("c", Ranked.peer(stranger).address())))
                    .isPresent();
            InetSocketAddress nowhere = InetSocketAddress.createUnresolved("no-such-host.invalid", 7000);
            assertThat(TcpMesh.probe(a, new TcpMesh.Peer("c", nowhere)))
                    .hasValueSatisfying(why -> assertThat(why).startsWith("at no-such-host.invalid:7000: "));
        }
    }

    @Test
    void missingPeersAreNamedAtTheDeadline() throws Exception {
        try (PeerListener b = Ranked.listener("b")) {
            List<TcpMesh.Peer> peers;
            try (PeerListener a = Ranked.listener("a")) {
                peers = List.of(Ranked.peer(a), Ranked.peer(b));
                assertThatThrownBy(() -> TcpMesh.connect(a, 0, peers, 1, Duration.ofMillis(50), () -> false))
                        .hasMessageContaining("rank 1 (b) did not connect");
            }
            assertThatThrownBy(() -> TcpMesh.connect(b, 1, peers, 1, Duration.ofMillis(50), () -> false))
                    .hasMessageContaining("cannot reach rank 0 (a)");
        }
    }

    @Test
    void aCancelledAttemptEnds() throws Exception {
        try (PeerListener a = Ranked.listener("a");
                PeerListener b = Ranked.listener("b")) {
            List<TcpMesh.Peer> peers = List.of(Ranked.peer(a), Ranked.peer(b));
            assertThatThrownBy(() -> TcpMesh.connect(a, 0, peers, 1, LONG, () -> true))
                    .hasMessageContaining("was cancelled");
        }
    }

    @Test
    void aTakenPortIsABindException() throws Exception {
        try (PeerListener a = Ranked.listener("a")) {
            InetSocketAddress taken = new InetSocketAddress(InetAddress.getLoopbackAddress(), a.port());
            assertThatThrownBy(() -> PeerListener.open("b", Ranked.KEY, FrameProtection.On, taken))
                    .isInstanceOf(BindException.class);
        }
    }

    private static HandshakeVerdict dial(Handshake handshake, PeerListener listener, Hello hello) throws Exception {
        try (SocketChannel channel =
                SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.port()))) {
            return handshake.dial(channel, hello).verdict();
        }
    }
}
