package io.swav.local;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Accepts connections for a proxy, serves each in a thread of its own, and ends all that are open when it is closed. */
public final class ConnectionListener implements AutoCloseable {
    private final String name;
    private final Consumer<Socket> service;
    private final ServerSocket listener;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread acceptor;

    /**
     * Listens from now on.
     *
     * @param name of the threads
     * @param at where to listen; port 0 for any
     * @param service serves one connection, and closes it
     * @throws IOException if {@code at} is in use
     */
    public ConnectionListener(String name, InetSocketAddress at, Consumer<Socket> service) throws IOException {
        this.name = name;
        this.service = service;
        this.listener = new ServerSocket();
        listener.setReuseAddress(true);
        listener.bind(at);
        acceptor = DaemonThreads.start(name, this::accept);
    }

    /** Returns the port on which it listens. */
    public int port() {
        return listener.getLocalPort();
    }

    private void accept() {
        while (true) {
            try {
                Socket caller = listener.accept();
                DaemonThreads.start(name, () -> service.accept(caller));
            } catch (IOException e) {
                return; // closed
            }
        }
    }

    /** Has a connection ended when this is closed; returns false if it is closed already. */
    public boolean add(Socket connection) {
        open.add(connection);
        return !isClosed();
    }

    /** Leaves a connection alone from now on. */
    public void remove(Socket connection) {
        open.remove(connection);
    }

    /** Whether it has been closed. */
    public boolean isClosed() {
        return closed.getCount() == 0;
    }

    /** Waits for this time, or until it is closed, or the thread is interrupted. */
    public void pause(Duration time) {
        try {
            boolean unused = closed.await(time.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Closes connections, whose peers then see their end. */
    public static void hangUp(Socket... connections) {
        for (Socket connection : connections) {
            try {
                connection.close();
            } catch (IOException e) {
                // it is closed for the peer in any case
            }
        }
    }

    /** Stops listening, and ends all connections. When it returns, the port refuses callers. */
    @Override
    public void close() {
        closed.countDown();
        try {
            listener.close();
        } catch (IOException e) {
            // it accepts no callers in any case
        }
        hangUp(open.toArray(Socket[]::new));
        try {
            acceptor.join(); // Linux keeps the port open while a thread is still inside accept
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
