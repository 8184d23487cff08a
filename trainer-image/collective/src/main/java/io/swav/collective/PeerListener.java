package io.swav.collective;

import io.swav.collective.Handshake.HandshakeVerdict;
import io.swav.collective.Handshake.Hello;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The port on which this process accepts peers, open for the life of the process. Callers of the current or a later
 * generation that pass the {@link Handshake} are parked until their world is formed here, because the world document
 * reaches some trainers before others. Callers of an older generation are refused.
 */
public final class PeerListener implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PeerListener.class);
    /**
     * Limits concurrent handshakes; an unknown client that sends nothing occupies one for
     * {@link Handshake#TIMEOUT_MILLIS}.
     */
    private static final int MAX_HANDSHAKES = 64;

    private final String uid;
    private final Handshake handshake;
    private final ServerSocketChannel server;
    private final ExecutorService workers;
    private final PendingConnections<SocketChannel> pending = new PendingConnections<>();

    private PeerListener(String uid, Handshake handshake, ServerSocketChannel server) {
        this.uid = uid;
        this.handshake = handshake;
        this.server = server;
        this.workers =
                new ThreadPoolExecutor(0, MAX_HANDSHAKES, 10, TimeUnit.SECONDS, new SynchronousQueue<>(), runnable -> {
                    Thread thread = new Thread(runnable, "handshake");
                    thread.setDaemon(true);
                    return thread;
                });
        Thread acceptor = new Thread(this::accept, "peer-listener");
        acceptor.setDaemon(true);
        acceptor.start();
    }

    /**
     * Opens the port and starts accepting peers.
     *
     * @param uid uid of this process, which callers must name
     * @param key key shared by the trainers of one job, at least 16 bytes
     * @param address address to listen on; port 0 selects any free port
     * @throws java.net.BindException if the port is taken
     */
    public static PeerListener open(String uid, byte[] key, InetSocketAddress address) throws IOException {
        Handshake handshake = new Handshake(key);
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            server.bind(address, 256);
            return new PeerListener(uid, handshake, server);
        } catch (IOException | RuntimeException e) {
            Closeables.quietly(server);
            throw e;
        }
    }

    public int port() {
        return server.socket().getLocalPort();
    }

    String uid() {
        return uid;
    }

    Handshake handshake() {
        return handshake;
    }

    /** Refuses generations before this one from now on, and closes the parked connections of such callers. */
    synchronized void rejectBefore(long generation) {
        pending.rejectBefore(generation).forEach(Closeables::quietly);
    }

    /**
     * Waits for a caller.
     *
     * @param deadline in the time of {@link System#nanoTime}
     * @throws LostPeerException if the caller did not connect before the deadline
     * @throws CollectiveException if the wait was cancelled (polled every 20 ms)
     */
    synchronized SocketChannel await(PendingConnections.ConnectionKey caller, long deadline, BooleanSupplier cancelled)
            throws LostPeerException {
        while (true) {
            Optional<SocketChannel> channel = pending.take(caller);
            if (channel.isPresent()) {
                return channel.get();
            }
            if (cancelled.getAsBoolean()) {
                throw new CollectiveException("forming generation " + caller.generation() + " was cancelled");
            }
            if (System.nanoTime() - deadline >= 0) {
                String problem =
                        "rank " + caller.rank() + " (" + caller.uid() + ") did not connect before the deadline";
                throw new LostPeerException(caller.rank(), problem, null);
            }
            try {
                wait(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new CollectiveException("interrupted while forming generation " + caller.generation(), e);
            }
        }
    }

    private void accept() {
        while (true) {
            SocketChannel channel;
            try {
                channel = server.accept();
            } catch (ClosedChannelException closed) {
                return;
            } catch (IOException e) {
                LOG.warn("could not accept a connection from a peer: {}", e.getMessage());
                continue;
            }
            try {
                workers.execute(() -> receive(channel));
            } catch (RejectedExecutionException busy) {
                Closeables.quietly(channel);
            }
        }
    }

    private void receive(SocketChannel channel) {
        @Nullable SocketChannel unused = channel;
        try {
            TcpMesh.tune(channel);
            HandshakeVerdict[] verdict = new HandshakeVerdict[1];
            Hello hello = handshake.answer(channel, caller -> verdict[0] = judge(caller));
            if (verdict[0] == HandshakeVerdict.Welcome) {
                park(hello, channel);
                unused = null;
            } else {
                LOG.info(
                        "refused rank {} ({}) of generation {}: {}",
                        hello.rank(),
                        hello.uid(),
                        hello.generation(),
                        verdict[0]);
            }
        } catch (IOException e) {
            LOG.warn("refused a connection from {}: {}", remote(channel), e.getMessage());
        } finally {
            if (unused != null) {
                Closeables.quietly(unused);
            }
        }
    }

    private synchronized HandshakeVerdict judge(Hello caller) {
        if (!caller.peerUid().equals(uid)) {
            return HandshakeVerdict.Stranger;
        }
        return pending.refuses(caller.generation()) ? HandshakeVerdict.Stale : HandshakeVerdict.Welcome;
    }

    private synchronized void park(Hello hello, SocketChannel channel) {
        PendingConnections.ConnectionKey caller =
                new PendingConnections.ConnectionKey(hello.generation(), hello.rank(), hello.uid(), hello.line());
        pending.park(caller, channel).ifPresent(Closeables::quietly);
        notifyAll();
    }

    private static String remote(SocketChannel channel) {
        try {
            return String.valueOf(channel.getRemoteAddress());
        } catch (IOException closed) {
            return "a peer that has disconnected";
        }
    }

    @Override
    public void close() {
        Closeables.quietly(server);
        workers.shutdown();
        rejectBefore(Long.MAX_VALUE);
    }
}
