package io.swav.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A trainer, a peer that calls it, and the proxy between them, over real sockets. */
@Timeout(120)
class LineProxyTest {
    private static final int HANDSHAKE = LineProxy.UNTOUCHED_BYTES;

    private ServerSocket listener;
    private LineProxy proxy;
    private Socket peer;
    private Socket trainer;

    @BeforeEach
    void connect() throws IOException {
        InetAddress loopback = InetAddress.getLoopbackAddress();
        listener = new ServerSocket(0, 50, loopback);
        proxy = new LineProxy(
                "storm-1",
                new InetSocketAddress(loopback, 0),
                new InetSocketAddress(loopback, listener.getLocalPort()));
        peer = new Socket(loopback, proxy.port());
        trainer = listener.accept();
    }

    @AfterEach
    void close() throws IOException {
        peer.close();
        trainer.close();
        proxy.close();
        listener.close();
    }

    private static byte[] random(int seed, int count) {
        byte[] bytes = new byte[count];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** Sends bytes in chunks of random sizes, and ends this direction. */
    private static CompletableFuture<Void> send(Socket from, byte[] bytes, int seed) {
        CompletableFuture<Void> sent = new CompletableFuture<>();
        DaemonThreads.start("sender", () -> {
            try {
                OutputStream out = from.getOutputStream();
                Random random = new Random(seed);
                for (int at = 0; at < bytes.length; ) {
                    int count = Math.min(bytes.length - at, 1 + random.nextInt(100_000));
                    out.write(bytes, at, count);
                    at += count;
                }
                from.shutdownOutput();
                sent.complete(null);
            } catch (IOException e) {
                sent.completeExceptionally(new UncheckedIOException(e));
            }
        });
        return sent;
    }

    private LineDamage order(LineFault fault) {
        LineDamage damage = new LineDamage(fault, new Random(5), Duration.ofMillis(300));
        proxy.damage(damage);
        return damage;
    }

    /** Passes the bytes that no fault touches, so that both ends have them. */
    private void handshake() throws IOException {
        peer.getOutputStream().write(random(1, HANDSHAKE));
        assertThat(trainer.getInputStream().readNBytes(HANDSHAKE)).isEqualTo(random(1, HANDSHAKE));
    }

    @Test
    void passesBytesUnchangedInBothDirectionsAtOnce() throws Exception {
        byte[] there = random(2, 3_000_000);
        byte[] back = random(3, 2_000_000);
        CompletableFuture<Void> sentThere = send(peer, there, 4);
        CompletableFuture<Void> sentBack = send(trainer, back, 5);
        CompletableFuture<byte[]> received = CompletableFuture.supplyAsync(() -> readAll(peer));
        assertThat(readAll(trainer)).isEqualTo(there);
        assertThat(received.get()).isEqualTo(back);
        sentThere.get();
        sentBack.get();
    }

    private static byte[] readAll(Socket from) {
        try {
            return from.getInputStream().readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void flipsOneBitOnceAndRecordsWhereAndWhen() throws Exception {
        handshake();
        LineDamage damage = order(LineFault.FLIP);
        assertThat(damage.done()).isEmpty();
        long before = FaultLog.now();
        byte[] bytes = random(6, 1_000_000);
        CompletableFuture<Void> sent = send(peer, bytes, 7);
        byte[] received = readAll(trainer);
        sent.get();
        assertThat(received).hasSameSizeAs(bytes);
        BitSet difference = BitSet.valueOf(bytes);
        difference.xor(BitSet.valueOf(received));
        assertThat(difference.cardinality()).isEqualTo(1);
        LineDamage.Done done = damage.done().orElseThrow();
        assertThat(done.pod()).isEqualTo("storm-1");
        assertThat(done.at()).isBetween(before, FaultLog.now());
    }

    @Test
    void damagesTheBytesThatTheTrainerSendsAsWell() throws Exception {
        trainer.getOutputStream().write(random(1, HANDSHAKE));
        peer.getInputStream().readNBytes(HANDSHAKE);
        order(LineFault.FLIP);
        byte[] bytes = random(6, 1000);
        send(trainer, bytes, 7).get();
        assertThat(readAll(peer)).hasSameSizeAs(bytes).isNotEqualTo(bytes);
    }

    @Test
    void repeatsBytes() throws Exception {
        handshake();
        order(LineFault.REPEAT);
        byte[] bytes = random(6, 500);
        peer.getOutputStream().write(bytes);
        byte[] first = trainer.getInputStream().readNBytes(501);
        assertThat(Arrays.copyOf(first, 500)).isEqualTo(bytes);
        peer.shutdownOutput();
        byte[] rest = readAll(trainer);
        assertThat(1 + rest.length).isBetween(1, 500);
        assertThat(rest).isEqualTo(Arrays.copyOfRange(bytes, 500 - rest.length, 500));
    }

    @Test
    void cutsTheConnectionForBothEnds() throws Exception {
        handshake();
        order(LineFault.CUT);
        byte[] bytes = random(6, 500);
        peer.getOutputStream().write(bytes);
        byte[] received = readAll(trainer);
        assertThat(received.length).isBetween(1, 499);
        assertThat(bytes).startsWith(received);
        assertThat(readAll(peer)).isEmpty();
    }

    @Test
    void delaysBytes() throws Exception {
        handshake();
        order(LineFault.DELAY);
        byte[] bytes = random(6, 500);
        long start = System.nanoTime();
        send(peer, bytes, 7).get();
        assertThat(readAll(trainer)).isEqualTo(bytes);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(Duration.ofMillis(300));
    }

    @Test
    void leavesTheFirstBytesOfAConnectionAlone() throws Exception {
        LineDamage damage = order(LineFault.CUT);
        handshake();
        assertThat(damage.done()).isEmpty();
        peer.getOutputStream().write(random(6, 500));
        assertThat(readAll(trainer).length).isBetween(1, 499);
        assertThat(damage.done()).isPresent();
    }

    @Test
    void twoProxiesCarryOneOrderOutOnce() throws Exception {
        LineDamage damage = order(LineFault.FLIP);
        assertThat(damage.take()).as("by another proxy").isTrue();
        handshake();
        byte[] bytes = random(6, 500);
        send(peer, bytes, 7).get();
        assertThat(readAll(trainer)).isEqualTo(bytes);
    }

    @Test
    void aCallerSeesThatTheTrainerHasGone() throws Exception {
        handshake();
        trainer.close();
        assertThat(readAll(peer)).isEmpty();
        listener.close();
        try (Socket late = new Socket(InetAddress.getLoopbackAddress(), proxy.port())) {
            assertThat(readAll(late)).isEmpty();
        }
        proxy.close();
        assertThatThrownBy(() -> new Socket(InetAddress.getLoopbackAddress(), proxy.port()).close())
                .isInstanceOf(IOException.class);
    }
}
