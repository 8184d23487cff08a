package io.swav.chaos;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Connects to a trainer's port as a program that is no trainer. The trainer has to end it. */
final class Stranger {
    /** What it sends. */
    enum Manner {
        RUBBISH("sends rubbish"),
        NOTHING("sends nothing");

        final String words;

        Manner(String words) {
            this.words = words;
        }
    }

    /** Far more than any handshake has. */
    private static final int RUBBISH_BYTES = 1 << 20;

    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(5);

    private final CompletableFuture<Boolean> refused;

    private Stranger(Duration patience) {
        refused = new CompletableFuture<Boolean>().completeOnTimeout(false, patience.toNanos(), TimeUnit.NANOSECONDS);
    }

    /**
     * Connects to a port of this machine.
     *
     * @param patience how long the trainer may take to end the connection
     * @return empty if no trainer listens there any more
     */
    static Optional<Stranger> call(int port, Manner manner, Random random, Duration patience) {
        Socket socket = new Socket();
        try {
            socket.connect(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), port), (int) CONNECT_LIMIT.toMillis());
        } catch (IOException e) {
            close(socket);
            return Optional.empty();
        }
        Stranger stranger = new Stranger(patience);
        DaemonThreads.start("stranger", () -> stranger.stay(socket, manner, random));
        return Optional.of(stranger);
    }

    private void stay(Socket socket, Manner manner, Random random) {
        try {
            if (manner == Manner.RUBBISH) {
                byte[] rubbish = new byte[RUBBISH_BYTES];
                random.nextBytes(rubbish);
                socket.getOutputStream().write(rubbish);
            }
            while (socket.getInputStream().read() >= 0) {
                // an answer is of no interest
            }
            refused.complete(true);
        } catch (IOException e) {
            refused.complete(true); // the trainer hung up before it had read everything
        } finally {
            close(socket);
        }
    }

    /** Waits until the trainer has ended the connection; false if its time is over. */
    boolean awaitRefusal() {
        return refused.join();
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // it was of no use
        }
    }
}
