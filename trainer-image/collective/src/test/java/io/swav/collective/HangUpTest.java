package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective.Transfer;
import io.swav.collective.PeerChannels.Message;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** When a rank that waits must notice that a peer has gone, and when it must not. */
@Timeout(120)
class HangUpTest {
    private static final Duration GRACE = Duration.ofNanos(Lifeline.GRACE_NANOS);

    /** Also if the lost peer had sent data before that the rank was not waiting for. */
    @ParameterizedTest
    @CsvSource({"0, false", "0, true", "1000000, false", "1000000, true"})
    void noticesALostPeerWhileWaitingForAnother(int sentBefore, boolean goodbye) throws Exception {
        CountDownLatch waits = new CountDownLatch(1);
        CountDownLatch freed = new CountDownLatch(1);
        AtomicLong left = new AtomicLong();
        AtomicLong noticed = new AtomicLong();
        Ranked.run(3, (collective, manager) -> {
            NDArray array = manager.zeros(new Shape(1));
            collective.allReduceMin(array); // the first one in a process loads libraries, which may take seconds
            if (collective.rank() == 0) {
                NDArray ahead = manager.zeros(new Shape(sentBefore / 4));
                CompletableFuture<Void> sends = CompletableFuture.runAsync(
                        () -> collective.exchange(List.of(new Transfer(1, ahead)), List.of()));
                waits.await();
                Thread.sleep(300); // so that rank 1 waits by now; if it is only about to, the result must be the same
                if (goodbye) {
                    sends.join();
                    left.set(System.nanoTime());
                    collective.close();
                } else {
                    left.set(System.nanoTime());
                    collective.abort();
                }
            } else if (collective.rank() == 2) {
                freed.await();
            } else {
                CollectiveException lost = lost(() -> {
                    waits.countDown();
                    try {
                        collective.exchange(List.of(), List.of(new Transfer(2, array)));
                    } finally {
                        noticed.set(System.nanoTime());
                    }
                });
                freed.countDown();
                assertThat(lost.lostRank()).hasValue(0);
                assertThat(Duration.ofNanos(noticed.get() - left.get()))
                        .isBetween(goodbye ? GRACE : Duration.ZERO, GRACE.multipliedBy(30));
            }
            return 0;
        });
    }

    @ParameterizedTest
    @CsvSource({"1, 50", "3000001, 5"})
    void leavingAfterTheLastOperationDoesNotDisturbIt(int length, int times) throws Exception {
        for (int time = 0; time < times; time++) {
            Ranked.run(3, (collective, manager) -> {
                NDArray all = manager.zeros(new Shape(3L * length), DataType.FLOAT32);
                collective.allGather(manager.ones(new Shape(length)).mul(collective.rank()), all);
                collective.close();
                for (int rank = 0; rank < 3; rank++) {
                    assertThat(all.getFloat((rank + 1L) * length - 1)).isEqualTo(rank);
                }
                return 0;
            });
        }
    }

    /** As long as it reads: rank 2 takes three grace periods to read what it is sent, and then stops. */
    @Test
    void waitsForASlowReaderAfterAnotherPeerHasLeft() throws Exception {
        while (!isASlowReaderWaitedFor()) {
            // try again: this machine was so busy that the reader stalled
        }
    }

    /**
     * @return false if the reader got no processor time and did not read for half a grace period: it may be given up then
     */
    private static boolean isASlowReaderWaitedFor() throws Exception {
        SecuredChannel[] pair = Ranked.secured(FrameProtection.Off);
        SocketChannel[] leaver = Ranked.sockets();
        ByteBuffer body = ByteBuffer.allocateDirect(32 << 20);
        int frames = body.capacity() / FrameSeal.BODY_BYTES;
        int wireBytes = body.capacity() + frames * (FrameHeader.BYTES + Crc32cSeal.TAG_BYTES);
        try (Lifeline theirs = new Lifeline(new @Nullable SocketChannel[] {null, null, leaver[1]})) {
            theirs.leave();
        }
        try (Lifeline lifeline = new Lifeline(new @Nullable SocketChannel[] {leaver[0], null, null});
                PeerChannels channels =
                        new PeerChannels(4, new @Nullable SecuredChannel[] {null, null, pair[0]}, lifeline)) {
            CompletableFuture<Void> sent =
                    CompletableFuture.runAsync(() -> channels.exchange(List.of(new Message(2, body)), List.of()));
            ByteBuffer arrived = ByteBuffer.allocate(wireBytes / 30);
            long last = System.nanoTime();
            for (int part = 0; part < 30; part++) {
                Thread.sleep(GRACE.toMillis() / 10);
                while (arrived.hasRemaining()) {
                    long now = System.nanoTime();
                    if (now - last > Lifeline.GRACE_NANOS / 2) {
                        return false;
                    }
                    last = now;
                    assertThat(pair[1].socket().read(arrived)).isPositive();
                }
                arrived.clear();
            }
            sent.join();
            CollectiveException left = lost(() -> waitFor(channels, 2));
            assertThat(left.lostRank()).hasValue(0);
            return true;
        } finally {
            pair[1].close();
        }
    }

    private static void waitFor(PeerChannels channels, int peer) {
        channels.exchange(List.of(), List.of(new Message(peer, ByteBuffer.allocateDirect(1))));
    }

    /**
     * One thread waits in an exchange and one checks the peers; the loss shows on the connection that is being read, or on
     * the lifeline alone.
     */
    @Test
    void allThreadsReportTheSameLostPeer() throws Exception {
        for (int time = 0; time < 100; time++) {
            SecuredChannel[] pair = Ranked.secured(FrameProtection.On);
            SocketChannel[] idle = Ranked.sockets();
            try (Lifeline lifeline = new Lifeline(new @Nullable SocketChannel[] {null, idle[0]});
                    PeerChannels channels =
                            new PeerChannels(4, new @Nullable SecuredChannel[] {null, pair[0]}, lifeline)) {
                CompletableFuture<CollectiveException> checks = CompletableFuture.supplyAsync(() -> lost(() -> {
                    while (true) {
                        channels.checkPeers();
                    }
                }));
                CompletableFuture<CollectiveException> waits =
                        CompletableFuture.supplyAsync(() -> lost(() -> waitFor(channels, 1)));
                if (time % 2 == 0) {
                    pair[1].socket().shutdownOutput();
                }
                idle[1].close();
                assertThat(checks.get(30, TimeUnit.SECONDS).lostRank()).hasValue(1);
                assertThat(waits.get(30, TimeUnit.SECONDS).lostRank()).hasValue(1);
                pair[1].close();
            }
        }
    }

    private static CollectiveException lost(Runnable work) {
        return catchThrowableOfType(CollectiveException.class, work::run);
    }

    @Test
    void checkingPeersDoesNotConsumeMessages() throws Exception {
        Ranked.run(2, (collective, manager) -> {
            CompletableFuture<Void> checks = CompletableFuture.runAsync(() -> {
                while (true) {
                    ((TcpCollective) collective).checkPeers();
                }
            });
            for (int time = 0; time < 5_000; time++) {
                NDArray all = manager.zeros(new Shape(2), DataType.INT64);
                collective.allGather(manager.create(new long[] {time}), all);
                assertThat(all.toLongArray()).containsOnly(time);
                all.close();
            }
            assertThat(checks).isNotDone();
            return 0;
        });
    }
}
