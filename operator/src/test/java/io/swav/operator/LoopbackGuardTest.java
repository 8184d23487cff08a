package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LoopbackGuardTest {
    private static final String SECRET = "the jobs of this user";
    private static final int NOBODY = 65_534;

    @ParameterizedTest
    @ValueSource(
            strings = {"localhost:PORT", "127.0.0.1:PORT", "127.0.0.1", "LocalHost", "[::1]:PORT", "127.0.0.2:PORT"})
    void servesThisMachine(String host) throws IOException {
        try (HttpPort endpoints = endpoints("127.0.0.2")) {
            for (String path : List.of("/", "/metrics")) {
                assertThat(answer(endpoints, "127.0.0.2", path, "Host: " + host))
                        .startsWith("HTTP/1.1 200");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Host: attacker.example:PORT",
                "Host: 127.0.0.1.attacker.example",
                "Host: localhost.attacker.example:PORT",
                "Host: 10.0.0.1",
                "Host: ",
                "Host: localhost\r\nHost: attacker.example",
                "X-Forwarded-Host: localhost"
            })
    void refusesPagesOfOtherSites(String headers) throws IOException {
        try (HttpPort endpoints = endpoints("127.0.0.1")) {
            for (String path : List.of("/", "/metrics", "/other")) {
                assertThat(answer(endpoints, "127.0.0.1", path, headers))
                        .doesNotContain(SECRET)
                        .doesNotContain(" 200 ")
                        .doesNotContain("Access-Control");
            }
        }
    }

    @Test
    void servesAnyHostNameWhenItListensAtAllAddresses() throws IOException {
        try (HttpPort endpoints = endpoints("0.0.0.0")) {
            assertThat(answer(endpoints, "127.0.0.1", "/", "Host: swav-operator.swav-system.svc"))
                    .contains(SECRET);
        }
    }

    @Test
    void refusesOtherUsersOfTheMachine() throws Exception {
        assumeThat(SocketOwner.self()).as("only root can act as another user").isZero();
        try (HttpPort endpoints = endpoints("127.0.0.1")) {
            String ask = "exec 3<>/dev/tcp/127.0.0.1/" + endpoints.port()
                    + "; printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3";
            List<String> nobody = List.of(
                    "setpriv",
                    "--reuid",
                    String.valueOf(NOBODY),
                    "--regid",
                    String.valueOf(NOBODY),
                    "--clear-groups",
                    "bash",
                    "-c",
                    ask);
            assertThat(output(nobody)).startsWith("HTTP/1.1 403").doesNotContain(SECRET);
            assertThat(output(List.of("bash", "-c", ask)))
                    .startsWith("HTTP/1.1 200")
                    .contains(SECRET);
        }
    }

    private static String output(List<String> command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private static HttpPort endpoints(String address) throws IOException {
        return new HttpPort(
                "test",
                new InetSocketAddress(InetAddress.getByName(address), 0),
                Map.of("/", call -> HttpAnswer.plain(200, SECRET), "/metrics", call -> HttpAnswer.plain(200, SECRET)));
    }

    private static String answer(HttpPort endpoints, String address, String path, String headers) throws IOException {
        try (Socket socket = new Socket(address, endpoints.port())) {
            String request = "GET " + path + " HTTP/1.1\r\n" + headers.replace("PORT", String.valueOf(endpoints.port()))
                    + "\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
