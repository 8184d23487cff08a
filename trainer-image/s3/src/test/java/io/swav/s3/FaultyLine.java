package io.swav.s3;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;

/** A connection to a server that fails on command, connection by connection. */
public final class FaultyLine implements AutoCloseable {
    /** What happens to new connections; existing ones are cut. */
    public enum Mode {
        Healthy,
        /** Answers like a proxy that has no server at present. */
        Answers404,
        Answers500,
        Answers503,
        /** Answers as AWS does when temporary credentials have expired. */
        ExpiredToken,
        /** Takes requests and never answers. */
        Silent,
        /** Refuses immediately. */
        Down,
        /** Each connection is cut after some bytes, in one direction or the other, or is answered 503. */
        Flaky
    }

    private static final String EXPIRED = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>ExpiredToken</Code>"
            + "<Message>The provided token has expired.</Message></Error>";
    private static final Pattern REQUEST = Pattern.compile("(GET|HEAD|PUT|POST|DELETE) ");

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final AtomicInteger faults = new AtomicInteger();
    private final AtomicLong sent = new AtomicLong();
    private final SplittableRandom random = new SplittableRandom(7);
    private final int target;
    private volatile Mode mode = Mode.Healthy;
    private volatile int era;
    private volatile String unanswered = "";
    private final AtomicInteger answersToLose = new AtomicInteger();
    private final AtomicInteger requests = new AtomicInteger();
    private volatile long latencyNanos;

    /** @param target port of the server */
    public FaultyLine(int target) throws IOException {
        this.target = target;
        threads.execute(this::accept);
    }

    public int port() {
        return listener.getLocalPort();
    }

    public synchronized void setMode(Mode next) {
        mode = next;
        era = era + 1;
    }

    /**
     * Loses the next answers to requests whose first line contains this text: the server executes the request, and the
     * connection is cut.
     */
    public void loseAnswers(String to, int times) {
        unanswered = to;
        answersToLose.set(times);
    }

    /** Delays every request by so much; requests on other connections do not wait for it. */
    public void setLatency(Duration latency) {
        latencyNanos = latency.toNanos();
    }

    /** Returns the number of requests that were passed on. */
    public int requests() {
        return requests.get();
    }

    /** Returns the number of answers that are still to be lost. */
    public int answersToLose() {
        return answersToLose.get();
    }

    /** Returns the number of connections that were cut or answered wrongly. */
    public int faults() {
        return faults.get();
    }

    /** Returns the number of bytes that were sent to the server. */
    public long sent() {
        return sent.get();
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                Socket client = listener.accept();
                threads.execute(() -> serve(client));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket client) {
        int mine = era;
        int up = Integer.MAX_VALUE;
        int down = Integer.MAX_VALUE;
        Mode now = mode;
        try (client) {
            if (now == Mode.Flaky) {
                synchronized (random) {
                    switch (random.nextInt(3)) {
                        case 0 -> up = 500 + random.nextInt(20_000);
                        case 1 -> down = random.nextInt(20_000);
                        default -> now = Mode.Answers503;
                    }
                }
            }
            String answer = switch (now) {
                case Answers404 -> "404 Not Found";
                case Answers500 -> "500 Internal Server Error";
                case Answers503 -> "503 Slow Down";
                case ExpiredToken -> "400 Bad Request";
                default -> "";
            };
            if (now == Mode.Down) {
                faults.incrementAndGet();
            } else if (now == Mode.Silent) {
                faults.incrementAndGet();
                client.getInputStream().readAllBytes(); // until the client gives up
            } else if (!answer.isEmpty()) {
                faults.incrementAndGet();
                refuse(client, answer, now == Mode.ExpiredToken ? EXPIRED : "");
            } else {
                pass(client, mine, up, down);
            }
        } catch (IOException cut) {
            faults.incrementAndGet();
        }
    }

    private static void refuse(Socket client, String status, String body) throws IOException {
        client.setSoTimeout(500);
        byte[] buffer = new byte[1 << 16];
        int read = client.getInputStream().read(buffer); // the head; a body is cut off
        if (read >= 0) {
            client.getOutputStream()
                    .write(("HTTP/1.1 " + status + "\r\nContent-Type: application/xml\r\nContent-Length: "
                                    + body.length() + "\r\nConnection: close\r\n\r\n" + body)
                            .getBytes(StandardCharsets.US_ASCII));
            client.getOutputStream().flush();
        }
    }

    private void pass(Socket client, int mine, int up, int down) throws IOException {
        AtomicBoolean lost = new AtomicBoolean();
        try (Socket server = new Socket(InetAddress.getLoopbackAddress(), target)) {
            threads.execute(() -> {
                try {
                    copy(server.getInputStream(), client.getOutputStream(), mine, down, new AtomicLong(), answer -> {
                        if (lost.get() && !answer.startsWith("HTTP/1.1 100")) {
                            throw new IOException("the answer is lost");
                        }
                    });
                } catch (IOException cut) {
                    faults.incrementAndGet();
                } finally {
                    close(client);
                    close(server);
                }
            });
            copy(client.getInputStream(), server.getOutputStream(), mine, up, sent, request -> {
                if (REQUEST.matcher(request).lookingAt()) {
                    requests.incrementAndGet();
                    LockSupport.parkNanos(latencyNanos);
                }
                if (answersToLose.get() > 0
                        && request.lines().findFirst().orElse("").contains(unanswered)) {
                    answersToLose.decrementAndGet();
                    lost.set(true);
                }
            });
        }
    }

    /** Sees bytes before they are passed on. */
    @FunctionalInterface
    private interface Listener {
        void received(String passing) throws IOException;
    }

    private void copy(InputStream from, OutputStream to, int mine, int limit, AtomicLong passed, Listener onBytes)
            throws IOException {
        byte[] buffer = new byte[8192];
        int left = limit;
        for (int read = from.read(buffer); read >= 0; read = from.read(buffer)) {
            if (era != mine) {
                throw new IOException("another mode now");
            }
            onBytes.received(new String(buffer, 0, read, StandardCharsets.ISO_8859_1));
            to.write(buffer, 0, Math.min(read, left));
            to.flush();
            passed.addAndGet(read);
            left -= read;
            if (left <= 0) {
                throw new IOException("cut");
            }
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException closed) {
            // it is
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        threads.shutdownNow();
    }
}
