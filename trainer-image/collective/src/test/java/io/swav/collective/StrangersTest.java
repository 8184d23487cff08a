package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Strangers hold on to the port of a trainer, from the same address as its peers. */
@Timeout(300)
class StrangersTest {
    private static final int SLOW = 64;
    private static final int SILENT = 500;
    private static final int WORLDS = 5;

    @Test
    void membersGetThroughWhileSlowAndSilentStrangersHoldOn() throws Exception {
        try (PeerListener a = Ranked.listener("a");
                PeerListener b = Ranked.listener("b");
                Strangers strangers = new Strangers(a.port())) {
            strangers.awaitAll();
            List<TcpMesh.Peer> peers = List.of(Ranked.peer(a), Ranked.peer(b));
            for (long generation = 1; generation <= WORLDS; generation++) {
                long now = generation;
                CompletableFuture<Integer> other = CompletableFuture.supplyAsync(() -> size(b, 1, peers, now));
                assertThat(size(a, 0, peers, generation)).isEqualTo(2);
                assertThat(other.get(60, TimeUnit.SECONDS)).isEqualTo(2);
            }
            assertThat(strangers.connections()).isGreaterThanOrEqualTo(SLOW + SILENT);
        }
    }

    private static int size(PeerListener listener, int rank, List<TcpMesh.Peer> peers, long generation) {
        try (Collective world =
                TcpMesh.connect(listener, rank, peers, generation, Duration.ofSeconds(60), () -> false)) {
            return world.size();
        }
    }

    /** Callers that never finish a handshake, and call again when they are put out. */
    private static final class Strangers implements AutoCloseable {
        private static final byte[] HELLO =
                new Handshake.Hello(1, 1, "b", 0, "a", 0).encode(FrameProtection.On, new byte[32]);

        private final InetSocketAddress target;
        private final List<Stranger> all = new ArrayList<>();
        private final CountDownLatch connected = new CountDownLatch(1);
        private final AtomicInteger connections = new AtomicInteger();
        private volatile boolean closing;
        private final Thread thread;

        private static final class Stranger {
            final boolean slow;
            SocketChannel channel;
            int sent;

            Stranger(boolean slow, SocketChannel channel) {
                this.slow = slow;
                this.channel = channel;
            }
        }

        Strangers(int port) {
            target = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
            thread = DaemonThreads.start("strangers", this::annoy);
        }

        void awaitAll() throws InterruptedException {
            assertThat(connected.await(60, TimeUnit.SECONDS)).isTrue();
        }

        int connections() {
            return connections.get();
        }

        private SocketChannel call() throws IOException {
            SocketChannel channel = SocketChannel.open(target);
            channel.configureBlocking(false);
            connections.incrementAndGet();
            return channel;
        }

        /** Once a second: a byte from every slow stranger, and a new call from each that was put out. */
        private void annoy() {
            try {
                for (int nth = 0; nth < SLOW + SILENT; nth++) {
                    all.add(new Stranger(nth < SLOW, call()));
                }
                connected.countDown();
                while (!closing) {
                    for (Stranger stranger : all) {
                        if (!holdsOn(stranger)) {
                            stranger.channel.close();
                            stranger.channel = call();
                            stranger.sent = 0;
                        }
                    }
                    Thread.sleep(1000); // a byte a second is what makes a stranger slow
                }
            } catch (InterruptedException | ClosedByInterruptException closed) {
                // the test has ended
            } catch (IOException e) {
                throw new AssertionError("the port is closed to strangers, and so to peers", e);
            }
        }

        private static boolean holdsOn(Stranger stranger) {
            try {
                if (stranger.slow) {
                    stranger.channel.write(ByteBuffer.wrap(HELLO, stranger.sent, 1));
                    stranger.sent++;
                }
                return stranger.channel.read(ByteBuffer.allocate(1)) == 0;
            } catch (IOException putOut) {
                return false;
            }
        }

        @Override
        public void close() throws IOException {
            closing = true;
            thread.interrupt();
            while (thread.isAlive()) {
                Thread.onSpinWait();
            }
            for (Stranger stranger : all) {
                stranger.channel.close();
            }
        }
    }
}
