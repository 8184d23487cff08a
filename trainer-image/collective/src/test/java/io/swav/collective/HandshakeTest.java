package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.Handshake.HandshakeVerdict;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HandshakeTest {
    /** As a port check does, or a trainer that ends while it dials. */
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 20})
    void explainsThatTheCallerDisconnected(int bytesOfHello) throws Exception {
        byte[] hello = new Handshake.Hello(1, 1, "b", 0, "a", 0).encode(new byte[32]);
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            try (Socket caller =
                    new Socket(InetAddress.getLoopbackAddress(), server.socket().getLocalPort())) {
                caller.getOutputStream().write(hello, 0, bytesOfHello);
            }
            try (SocketChannel accepted = server.accept()) {
                assertThatThrownBy(() -> new Handshake(Ranked.KEY).answer(accepted, caller -> HandshakeVerdict.Welcome))
                        .isInstanceOf(Handshake.Refused.class)
                        .hasMessageContaining("the caller disconnected before");
            }
        }
    }
}
