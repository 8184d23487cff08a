package io.swav.chaos;

import io.swav.common.DaemonThreads;
import io.swav.local.ConnectionListener;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.Arrays;
import java.util.Optional;
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
    private final ConnectionListener listener;
    private final AtomicReference<@Nullable LineDamage> due = new AtomicReference<>();

    /**
     * @param pod the trainer's
     * @throws IOException if {@code at} is in use
     */
    LineProxy(String pod, InetSocketAddress at, InetSocketAddress target) throws IOException {
        this.pod = pod;
        this.target = target;
        this.listener = new ConnectionListener("line-proxy", at, this::serve);
    }

    int port() {
        return listener.port();
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

    private void serve(Socket caller) {
        try (caller;
                Socket trainer = new Socket()) {
            trainer.connect(target);
            if (!listener.add(caller) || !listener.add(trainer)) {
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
                    ConnectionListener.hangUp(from, to);
                    return;
                }
                before += read;
            }
            to.shutdownOutput(); // the other direction may still have bytes
        } catch (IOException e) {
            ConnectionListener.hangUp(from, to); // one of the two has hung up, and now the other sees it
        } finally {
            listener.remove(from);
        }
    }

    /** Passes the damaged bytes; false if the connection ends with them. */
    private boolean pass(LineDamage damage, byte[] bytes, OutputStream out) throws IOException {
        byte[] damaged = damage.apply(pod, bytes);
        if (damage.fault() == LineFault.DELAY) {
            listener.pause(damage.delay());
            if (listener.isClosed()) {
                throw new IOException("the proxy is closed");
            }
        }
        out.write(damaged);
        return damage.fault() != LineFault.CUT;
    }

    /** Stops listening, and ends all connections. When it returns, the port refuses callers. */
    @Override
    public void close() {
        listener.close();
    }
}
