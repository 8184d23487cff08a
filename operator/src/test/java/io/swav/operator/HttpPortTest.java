package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Talks to the port through plain sockets, because no HTTP client behaves as badly as needed. */
class HttpPortTest {
    private static final int SLOW = 300;
    private static final int READ_MILLIS = 10_000;
    private static final String PROBE = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    private static final InetAddress LOCALHOST = InetAddress.getLoopbackAddress();

    private final HttpPort port;

    HttpPortTest() throws IOException {
        port = new HttpPort(
                "test",
                new InetSocketAddress(0),
                Map.of(
                        "/livez",
                        call -> HttpAnswer.plain(200, "ok"),
                        "/large",
                        call -> HttpAnswer.of(200, HttpAnswer.PLAIN, "x".repeat(5_000_000), Map.of())));
    }

    /** 100 clients send nothing, 100 half a header, 100 continue theirs by a byte a second. */
    @Test
    void slowConnectionsDoNotDelayTheProbe() throws Exception {
        List<Socket> slow = new ArrayList<>();
        AtomicBoolean dripping = new AtomicBoolean(true);
        try (port) {
            for (int i = 0; i < SLOW; i++) {
                Socket socket = new Socket(LOCALHOST, port.port());
                slow.add(socket);
                if (i >= SLOW / 3) {
                    send(socket, "GET /livez HTTP/1.1\r\nX: ");
                }
            }
            DaemonThreads.start("drip", () -> {
                while (dripping.get()) {
                    slow.stream().skip(2 * SLOW / 3).forEach(HttpPortTest::dripTo);
                    LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
                }
            });
            for (int i = 0; i < 5; i++) {
                long start = System.nanoTime();
                assertThat(answer(PROBE)).endsWith("\r\n\r\nok\n");
                assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
                TimeUnit.MILLISECONDS.sleep(300); // while bytes drip
            }
        } finally {
            dripping.set(false);
            for (Socket socket : slow) {
                socket.close();
            }
        }
    }

    private static void dripTo(Socket socket) {
        try {
            send(socket, "y");
        } catch (IOException e) { // the server has closed it
        }
    }

    @Test
    void theEarliestConnectionMakesRoom() throws Exception {
        try (port;
                Socket first = new Socket(LOCALHOST, port.port())) {
            List<Socket> others = new ArrayList<>();
            try {
                assertThat(answer(PROBE))
                        .as("so that the first is open at the server")
                        .endsWith("ok\n");
                for (int i = 0; i < HttpPort.CONNECTIONS; i++) {
                    others.add(new Socket(LOCALHOST, port.port()));
                }
                first.setSoTimeout(READ_MILLIS);
                assertThat(first.getInputStream().read())
                        .as("closed by the server")
                        .isEqualTo(-1);
                assertThat(answer(PROBE)).endsWith("ok\n");
            } finally {
                for (Socket socket : others) {
                    socket.close();
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "GET /livez | 200 | ok",
                "HEAD /livez | 200 | ''",
                "GET /livez?verbose | 200 | ok",
                "GET / | 404 | /large, /livez",
                "GET /livez/ | 404 | /large, /livez",
                "GET /x/../livez | 200 | ok",
                "POST /livez | 405 | GET, HEAD",
                "DELETE /livez | 405 | GET, HEAD",
                "OPTIONS /livez | 405 | GET, HEAD",
                "TRACE /livez | 405 | GET, HEAD",
                "BREW /livez | 405 | GET, HEAD"
            })
    void answersWhatIsAskedAndNothingElse(String request, int status, String body) throws IOException {
        try (port) {
            String answer = answer(request + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assertThat(answer).startsWith("HTTP/1.1 " + status + " ").containsIgnoringCase("\r\nConnection: close\r\n");
            assertThat(answer.substring(answer.indexOf("\r\n\r\n"))).contains(body);
            if (request.startsWith("HEAD")) {
                assertThat(answer).contains("Content-Length: 3\r\n").endsWith("\r\n\r\n");
            }
            if (status == 405) {
                assertThat(answer).contains("Allow: GET, HEAD\r\n");
            }
        }
    }

    @Test
    void limitsHeadersAndBodies() throws IOException {
        try (port) {
            String head = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
            assertThat(answer(head + "X: " + "a".repeat(6_000) + "\r\n\r\n")).startsWith("HTTP/1.1 200 ");
            assertThat(answer(head + "X: " + "a".repeat(HttpPort.HEADER_BYTES) + "\r\n\r\n"))
                    .startsWith("HTTP/1.1 431 ");
            assertThat(answer(head + "Content-Length: 1000000000\r\n\r\n")).startsWith("HTTP/1.1 413 ");
            assertThat(answer("no HTTP at all\r\n\r\n"))
                    .startsWith("HTTP/1.1 400 ")
                    .doesNotContain("jetty", "<html");
        }
    }

    @Test
    void aClientThatDoesNotReadOccupiesNoThread() throws Exception {
        List<Socket> lazy = new ArrayList<>();
        try (port) {
            for (int i = 0; i < 20; i++) {
                Socket socket = new Socket();
                socket.setReceiveBufferSize(4096);
                socket.connect(new InetSocketAddress(LOCALHOST, port.port()));
                lazy.add(socket);
                send(socket, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
            }
            await().atMost(Duration.ofMinutes(1))
                    .untilAsserted(() -> assertThat(lazy).allMatch(socket -> available(socket) > 0));
            assertThat(answer(PROBE)).endsWith("ok\n");
        } finally {
            for (Socket socket : lazy) {
                socket.close();
            }
        }
    }

    private static int available(Socket socket) {
        try {
            return socket.getInputStream().available();
        } catch (IOException e) {
            return 0;
        }
    }

    private static void send(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    private String answer(String request) throws IOException {
        try (Socket socket = new Socket(LOCALHOST, port.port())) {
            socket.setSoTimeout(READ_MILLIS);
            send(socket, request);
            return read(socket);
        }
    }

    private static String read(Socket socket) throws IOException {
        StringBuilder all = new StringBuilder();
        InputStream in = socket.getInputStream();
        byte[] bytes = new byte[4096];
        try {
            for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
                all.append(new String(bytes, 0, n, StandardCharsets.US_ASCII));
            }
        } catch (SocketException e) { // reset, after the answer
        }
        return all.toString();
    }
}
