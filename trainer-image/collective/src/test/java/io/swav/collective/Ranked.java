package io.swav.collective;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/** Runs worlds of several ranks as threads of one test process. */
public final class Ranked {
    static final byte[] KEY = "a key for tests, 16 bytes or more".getBytes(StandardCharsets.UTF_8);

    public interface Body<T> {
        T run(Collective collective, NDManager manager) throws Exception;
    }

    /** One rank's part of {@link #each}. */
    @FunctionalInterface
    public interface Connect<C extends Collective> {
        C over(Collective sockets) throws Exception;
    }

    private Ranked() {}

    /** Runs {@code body} on every rank of a TCP world, or alone if {@code size} is 1; returns the results by rank. */
    public static <T> List<T> run(int size, Body<T> body) throws Exception {
        return run(world(size), body);
    }

    /** Returns a world over sockets, or a {@link SoloCollective} if {@code size} is 1. */
    public static List<Collective> world(int size) throws Exception {
        return size == 1 ? List.of(new SoloCollective()) : connect(size);
    }

    /** Runs {@code body} on every rank of {@code world}, closes the world, and returns the results by rank. */
    public static <T> List<T> run(List<? extends Collective> world, Body<T> body) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(world.size());
        try {
            List<Future<T>> ranks = world.stream()
                    .map(collective -> threads.submit(() -> {
                        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                            return body.run(collective, manager);
                        } catch (Exception | Error e) {
                            collective.abort();
                            throw e;
                        }
                    }))
                    .toList();
            List<T> results = new ArrayList<>();
            for (Future<T> rank : ranks) {
                results.add(rank.get());
            }
            return results;
        } catch (ExecutionException e) {
            throw e.getCause() instanceof Exception cause ? cause : e;
        } finally {
            world.forEach(Collective::close);
            threads.shutdown();
        }
    }

    public static List<Collective> connect(int size) throws Exception {
        List<PeerListener> listeners = new ArrayList<>();
        for (int rank = 0; rank < size; rank++) {
            listeners.add(listener("uid-" + rank));
        }
        List<TcpMesh.Peer> peers = listeners.stream().map(Ranked::peer).toList();
        ExecutorService threads = Executors.newFixedThreadPool(size);
        try {
            List<Future<Collective>> ranks = IntStream.range(0, size)
                    .mapToObj(rank -> threads.submit(() ->
                            TcpMesh.connect(listeners.get(rank), rank, peers, 7, Duration.ofSeconds(30), () -> false)))
                    .toList();
            List<Collective> world = new ArrayList<>();
            for (Future<Collective> rank : ranks) {
                world.add(rank.get());
            }
            return world;
        } finally {
            threads.shutdown();
            listeners.forEach(PeerListener::close);
        }
    }

    /**
     * Applies {@code connect} to every rank of {@code world} at the same time, and returns the results by rank. If any rank
     * fails, the others are closed, and the failure of the last one carries those of the others as suppressed exceptions.
     */
    public static <C extends Collective> List<C> each(List<Collective> world, Connect<C> connect) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(world.size());
        try {
            List<Future<C>> ranks = world.stream()
                    .map(one -> threads.submit(() -> connect.over(one)))
                    .toList();
            List<C> made = new ArrayList<>();
            Optional<ExecutionException> failure = Optional.empty();
            for (Future<C> rank : ranks) {
                try {
                    made.add(rank.get());
                } catch (ExecutionException e) {
                    failure.ifPresent(e::addSuppressed);
                    failure = Optional.of(e);
                }
            }
            if (failure.isPresent()) {
                made.forEach(Collective::close);
                throw failure.get();
            }
            return made;
        } finally {
            threads.shutdown();
        }
    }

    /** Returns both ends of a new connection. */
    static SocketChannel[] sockets() throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            return new SocketChannel[] {SocketChannel.open(server.getLocalAddress()), server.accept()};
        }
    }

    /** Returns both ends of a new connection, as after a handshake that agreed on {@code protection}. */
    static SecuredChannel[] secured(FrameProtection protection) throws IOException {
        SocketChannel[] pair = sockets();
        byte[] there = new byte[FrameKeys.BYTES];
        byte[] back = new byte[FrameKeys.BYTES];
        back[0] = 1;
        return new SecuredChannel[] {
            new SecuredChannel(pair[0], new FrameKeys(protection, there, back)),
            new SecuredChannel(pair[1], new FrameKeys(protection, back, there))
        };
    }

    static PeerListener listener(String uid) throws Exception {
        return listener(uid, FrameProtection.On);
    }

    static PeerListener listener(String uid, FrameProtection protection) throws IOException {
        return PeerListener.open(uid, KEY, protection, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    }

    static TcpMesh.Peer peer(PeerListener listener) {
        return new TcpMesh.Peer(
                listener.uid(), new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.port()));
    }
}
