package io.swav.chaos;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Stands in front of one trainer's port and passes bytes on, in both directions. When asked, it damages the next bytes
 * between the trainer and one of its peers, once. It knows nothing of what the bytes mean.
 */
final class LineProxy implements AutoCloseable {
    /**
     * A connection is damaged after this many bytes in that direction: earlier ones are the handshake, whose failure costs
     * nothing but another call.
     */
    static final int UNTOUCHED_BYTES = 1024;
    /** Fewer bytes at once are left alone, because a cut needs two. */
    private static final int FEWEST_BYTES = 2;

    private static final int BUFFER_BYTES = 64 << 10;

    private final String pod;
    private final InetSocketAddress target;
    private final ServerSocket listener;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread acceptor;
    private final AtomicReference<@Nullable LineDamage> due = new AtomicReference<>();

    /**
     * @param pod the trainer's
     * @throws IOException if {@code at} is in use
     */
    LineProxy(String pod, InetSocketAddress at, InetSocketAddress target) throws IOException {
        this.pod = pod;
        this.target = target;
        this.listener = new ServerSocket();
        listener.setReuseAddress(true);
        listener.bind(at);
        acceptor = DaemonThreads.start("line-proxy", this::accept);
    }

    int port() {
        return listener.getLocalPort();
    }

    /**
     * Damages the next bytes that pass on any connection that has passed {@link #UNTOUCHED_BYTES} in their direction,
     * unless another proxy is faster.
     */
    void damage(LineDamage next) {
        due.set(next);
    }

    private Optional<LineDamage> take(long before, int bytes) {
        LineDamage now = due.get();
        if (now == null || before < UNTOUCHED_BYTES || bytes < FEWEST_BYTES) {
            return Optional.empty();
        }
        return due.compareAndSet(now, null) && now.take() ? Optional.of(now) : Optional.empty();
    }

    private void accept() {
        while (true) {
            try {
                Socket caller = listener.accept();
                DaemonThreads.start("line-proxy", () -> serve(caller));
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    private void serve(Socket caller) {
        try (caller;
                Socket trainer = new Socket()) {
            trainer.connect(target);
            open.add(caller);
            open.add(trainer);
            if (closed.getCount() == 0) {
                return;
            }
            caller.setTcpNoDelay(true);
            trainer.setTcpNoDelay(true);
            Thread back = DaemonThreads.start("line-proxy", () -> pump(trainer, caller));
            pump(caller, trainer);
            back.join();
        } catch (IOException e) {
            // the trainer has gone, and now its caller sees that
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void pump(Socket from, Socket to) {
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[BUFFER_BYTES];
            long before = 0;
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                Optional<LineDamage> damage = take(before, read);
                if (damage.isEmpty()) {
                    out.write(buffer, 0, read);
                } else if (!pass(damage.get(), Arrays.copyOf(buffer, read), out)) {
                    hangUp(from, to);
                    return;
                }
                before += read;
            }
            to.shutdownOutput(); // the other direction may still have bytes
        } catch (IOException e) {
            hangUp(from, to); // one of the two has hung up, and now the other sees it
        } finally {
            open.remove(from);
        }
    }

    /** Passes the damaged bytes; false if the connection ends with them. */
    private boolean pass(LineDamage damage, byte[] bytes, OutputStream out) throws IOException {
        byte[] damaged = damage.apply(pod, bytes);
        if (damage.fault() == LineFault.DELAY) {
            await(damage.delay());
        }
        out.write(damaged);
        return damage.fault() != LineFault.CUT;
    }

    /** Waits for this time, or until the proxy is closed. */
    private void await(Duration time) throws IOException {
        try {
            if (closed.await(time.toNanos(), TimeUnit.NANOSECONDS)) {
                throw new IOException("the proxy is closed");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static void hangUp(Socket... sockets) {
        for (Socket socket : sockets) {
            try {
                socket.close();
            } catch (IOException e) {
                // it is closed for the peer in any case
            }
        }
    }

    /** Stops listening, and ends all connections. When it returns, the port refuses callers. */
    @Override
    public void close() throws IOException {
        closed.countDown();
        listener.close();
        hangUp(open.toArray(Socket[]::new));
        try {
            acceptor.join(); // Linux keeps the port open while a thread is still inside accept
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
