package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.Handshake.HandshakeVerdict;
import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HandshakeTest {
    /** As a port check does, or a trainer that ends while it dials. */
    @ParameterizedTest
    @ValueSource(ints = {0, 3, 20})
    void explainsThatTheCallerDisconnected(int bytesOfHello) throws Exception {
        byte[] hello = new Handshake.Hello(1, 1, "b", 0, "a", 0).encode(FrameProtection.On, new byte[32]);
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            try (Socket caller =
                    new Socket(InetAddress.getLoopbackAddress(), server.socket().getLocalPort())) {
                caller.getOutputStream().write(hello, 0, bytesOfHello);
            }
            try (SocketChannel accepted = server.accept()) {
                assertThatThrownBy(() -> new Answer(
                                        new Handshake(Ranked.KEY, FrameProtection.On),
                                        "a",
                                        caller -> HandshakeVerdict.Welcome)
                                .advance(accepted))
                        .isInstanceOf(Handshake.Refused.class)
                        .hasMessageContaining("the caller disconnected before");
            }
        }
    }

    /** A byte now and then: no read takes long, but the handshake does. */
    @Test
    void givesUpAListenerThatAnswersByteByByte() throws Exception {
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            Thread slow = DaemonThreads.start("slow", () -> {
                try (SocketChannel accepted = server.accept()) {
                    while (true) {
                        accepted.write(ByteBuffer.allocate(1));
                        Thread.sleep(500); // this is what makes it slow
                    }
                } catch (IOException | InterruptedException closed) {
                    // the dialler has given up
                }
            });
            try (SocketChannel channel = SocketChannel.open(server.getLocalAddress())) {
                Handshake handshake = new Handshake(Ranked.KEY, FrameProtection.On);
                assertThatThrownBy(() -> handshake.dial(channel, new Handshake.Hello(1, 1, "b", 0, "a", 0)))
                        .isInstanceOf(SocketTimeoutException.class)
                        .hasMessageContaining("no complete handshake within");
            }
            slow.interrupt();
        }
    }
}
