package io.swav.collective;

import io.swav.collective.Handshake.HandshakeVerdict;
import io.swav.collective.Handshake.Hello;
import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The port on which this process accepts peers, open for the life of the process. Callers of the current or a later
 * generation that pass the {@link Handshake} are parked until their world is formed here, because the world document
 * reaches some trainers before others. Callers of an older generation are refused.
 *
 * <p>One thread accepts callers and runs all their handshakes, without ever waiting for one of them. Every caller has
 * {@link Handshake#TIME_LIMIT} to identify itself, and {@link UnknownCallers} limits how many try at once.
 */
public final class PeerListener implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PeerListener.class);
    /**
     * How many callers are accepted before those that wait are read. It is half of the places of an address, so the callers
     * that were accepted last can be spared until they have been read.
     */
    private static final int ACCEPTS_AT_ONCE = UnknownCallers.PLACES_OF_ADDRESS / 2;

    private static final long HOUSEKEEPING_MILLIS = 500;
    /** How long the port rests if accepting fails, which it does at once and every time while descriptors are used up. */
    private static final Duration REST = Duration.ofMillis(200);

    private final String uid;
    private final Handshake handshake;
    private final ServerSocketChannel server;
    private final Selector selector;
    private final SelectionKey accepting;
    private final Thread thread;
    private final PendingConnections<SecuredChannel> pending = new PendingConnections<>();
    private final UnknownCallers<Caller> callers = new UnknownCallers<>(caller -> caller.address, this::mayBeMember);
    private final RefusalLog refusals = new RefusalLog(LOG::warn);
    private volatile boolean closing;
    private long turn;
    private boolean failing;
    private boolean resting;
    private long restsUntil;

    /** A connection whose handshake is in progress. */
    private static final class Caller {
        final SocketChannel channel;
        final InetAddress address;
        final Answer answer;
        final long acceptedInTurn;
        final long deadline;

        Caller(SocketChannel channel, InetAddress address, Answer answer, long turn) {
            this.channel = channel;
            this.address = address;
            this.answer = answer;
            this.acceptedInTurn = turn;
            this.deadline = System.nanoTime() + Handshake.TIME_LIMIT.toNanos();
        }
    }

    /** A caller that has passed the handshake. */
    private record Member(Hello hello, SecuredChannel connection) {}

    /** Returns the version of everything that trainers send each other. */
    public static int protocolVersion() {
        return Handshake.VERSION;
    }

    private PeerListener(String uid, Handshake handshake, ServerSocketChannel server, Selector selector)
            throws IOException {
        this.uid = uid;
        this.handshake = handshake;
        this.server = server;
        this.selector = selector;
        server.configureBlocking(false);
        this.accepting = server.register(selector, SelectionKey.OP_ACCEPT);
        this.thread = DaemonThreads.start("peer-listener", this::serve);
    }

    /**
     * Opens the port and starts accepting peers.
     *
     * @param uid uid of this process, which callers must name
     * @param key key shared by the trainers of one job, at least 16 bytes
     * @param protection of the frames of all connections, accepted here or made by {@link TcpMesh}
     * @param address address to listen on; port 0 selects any free port
     * @throws java.net.BindException if the port is taken
     */
    public static PeerListener open(String uid, byte[] key, FrameProtection protection, InetSocketAddress address)
            throws IOException {
        Handshake handshake = new Handshake(key, protection);
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            server.bind(address, 256);
            Selector selector = Selector.open();
            try {
                PeerListener listener = new PeerListener(uid, handshake, server, selector);
                if (protection == FrameProtection.On) {
                    DaemonThreads.start("cipher-warm-up", AesGcmSeal::warmUp);
                }
                return listener;
            } catch (IOException | RuntimeException e) {
                Closeables.quietly(selector);
                throw e;
            }
        } catch (IOException | RuntimeException e) {
            Closeables.quietly(server);
            throw e;
        }
    }

    public int port() {
        return server.socket().getLocalPort();
    }

    /** Returns the uid of this process. */
    public String uid() {
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
    synchronized SecuredChannel await(PendingConnections.ConnectionKey caller, long deadline, BooleanSupplier cancelled)
            throws LostPeerException {
        while (true) {
            Optional<SecuredChannel> channel = pending.take(caller);
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

    private void serve() {
        try {
            while (!closing) {
                try {
                    serveOnce();
                } catch (IOException | RuntimeException | Error e) {
                    // nothing of a stranger may end this thread: no member could connect any more
                    LOG.error("could not serve callers; those that wait have to call again", e);
                    rest(String.valueOf(e.getMessage()));
                    LockSupport.parkNanos(REST.toNanos());
                }
            }
        } finally {
            selector.keys().forEach(key -> Closeables.quietly(key.channel()));
            Closeables.quietly(selector); // frees the descriptors of all that were registered
        }
    }

    private void serveOnce() throws IOException {
        turn++;
        List<SelectionKey> ready = new ArrayList<>();
        selector.select(ready::add, HOUSEKEEPING_MILLIS);
        List<Member> members = new ArrayList<>();
        for (SelectionKey key : ready) {
            if (key.isValid() && key.attachment() instanceof Caller caller) {
                advance(caller, key).ifPresent(members::add);
            }
        }
        if (!members.isEmpty()) {
            selector.selectNow(key -> {}); // this selector lets go of their sockets: others will watch them
            members.forEach(member -> park(member.hello(), member.connection()));
        }
        if (ready.contains(accepting)) {
            accept();
        }
        keepHouse(System.nanoTime());
    }

    private void accept() {
        try {
            for (int count = 0; count < ACCEPTS_AT_ONCE; count++) {
                SocketChannel channel = server.accept();
                if (channel == null) {
                    return;
                }
                if (failing) {
                    failing = false;
                    LOG.info("other trainers can connect to this one again");
                }
                receive(channel);
            }
        } catch (IOException e) {
            if (!failing) {
                failing = true;
                LOG.warn(
                        "cannot accept connections: {}. Until that ends no trainer can connect to this one; those that"
                                + " are connected train on. If descriptors are used up, raise the limit (ulimit -n)",
                        e.getMessage());
            }
            rest("no connection can be accepted: " + e.getMessage());
        }
    }

    /** Rests, because a port that cannot accept is ready all the time, and frees one descriptor for the next attempt. */
    private void rest(String why) {
        resting = true;
        restsUntil = System.nanoTime() + REST.toNanos();
        accepting.interestOps(0);
        callers.removeOne().ifPresent(leaving -> refuse(leaving, why));
    }

    private void receive(SocketChannel channel) {
        try {
            Caller caller = new Caller(
                    channel,
                    ((InetSocketAddress) channel.getRemoteAddress()).getAddress(),
                    new Answer(handshake, uid, this::judge),
                    turn);
            TcpMesh.tune(channel);
            channel.configureBlocking(false);
            channel.register(selector, SelectionKey.OP_READ, caller);
            callers.add(caller)
                    .ifPresent(leaving -> refuse(leaving, "it had not identified itself when others needed its place"));
        } catch (IOException e) {
            LOG.debug("a caller has disconnected at once", e);
            Closeables.quietly(channel);
        }
    }

    /** Whether it has named this trainer's uid, which strangers do not know, or has not been read yet. */
    private boolean mayBeMember(Caller caller) {
        return caller.answer.isCalledByUid() || caller.acceptedInTurn == turn;
    }

    /** Returns the caller's connection if it has passed the handshake now. */
    private Optional<Member> advance(Caller caller, SelectionKey key) {
        Optional<Answer.Completed> completed;
        try {
            completed = caller.answer.advance(caller.channel);
        } catch (IOException e) {
            callers.remove(caller);
            refuse(caller, String.valueOf(e.getMessage()));
            return Optional.empty();
        }
        if (completed.isEmpty()) {
            return Optional.empty();
        }
        callers.remove(caller);
        Hello hello = completed.get().hello();
        if (completed.get().verdict() == HandshakeVerdict.Welcome) {
            key.cancel();
            return Optional.of(new Member(
                    hello, new SecuredChannel(caller.channel, completed.get().keys())));
        }
        Closeables.quietly(caller.channel);
        refusals.refused(
                "rank " + hello.rank() + " (" + hello.uid() + ") at " + caller.address.getHostAddress(),
                describe(hello, completed.get().verdict()),
                System.nanoTime());
        return Optional.empty();
    }

    private String describe(Hello hello, HandshakeVerdict verdict) {
        return switch (verdict) {
            case Stranger -> "it calls " + hello.peerUid() + ", but this is " + uid;
            case OtherProtection -> handshake.protection().mismatch("it");
            case Stale, Welcome ->
                "it is in generation " + hello.generation() + ", which is older than this trainer's world";
        };
    }

    private void refuse(Caller caller, String why) {
        Closeables.quietly(caller.channel);
        refusals.refused(caller.address.getHostAddress(), why, System.nanoTime());
    }

    private void keepHouse(long now) {
        Optional<Caller> late = callers.removeOldest(caller -> now - caller.deadline >= 0);
        while (late.isPresent()) {
            refuse(late.get(), "it did not identify itself within " + Handshake.TIME_LIMIT.toSeconds() + " s");
            late = callers.removeOldest(caller -> now - caller.deadline >= 0);
        }
        refusals.flush(now);
        if (resting && now - restsUntil >= 0) {
            resting = false;
            accepting.interestOps(SelectionKey.OP_ACCEPT);
        }
    }

    private synchronized HandshakeVerdict judge(Hello caller) {
        boolean stale = caller.line() != TcpMesh.PROBE && pending.refuses(caller.generation());
        return stale ? HandshakeVerdict.Stale : HandshakeVerdict.Welcome;
    }

    private synchronized void park(Hello hello, SecuredChannel channel) {
        if (hello.line() == TcpMesh.PROBE) {
            Closeables.quietly(channel);
            return;
        }
        PendingConnections.ConnectionKey caller =
                new PendingConnections.ConnectionKey(hello.generation(), hello.rank(), hello.uid(), hello.line());
        pending.park(caller, channel).ifPresent(Closeables::quietly);
        notifyAll();
    }

    @Override
    public void close() {
        closing = true;
        selector.wakeup();
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        rejectBefore(Long.MAX_VALUE);
    }
}
