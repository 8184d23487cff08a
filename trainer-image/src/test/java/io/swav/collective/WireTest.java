package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.Wire.Message;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What arrives must be the message that is due, of this generation. */
class WireTest {
    @Test
    void aMessageOfAnOlderGenerationEndsTheWire() throws Exception {
        refuses(3, 16, "sent Frame[generation=3,");
    }

    @Test
    void aMessageOfAnotherLengthEndsTheWire() throws Exception {
        refuses(4, 24, "length=24] where Frame[generation=4, number=0, length=16] was due");
    }

    private static void refuses(long sentGeneration, int sentBytes, String message) throws Exception {
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            SocketChannel there = SocketChannel.open(server.getLocalAddress());
            SocketChannel here = server.accept();
            try (Wire sender = new Wire(sentGeneration, new @Nullable SocketChannel[] {null, there});
                    Wire receiver = new Wire(4, new @Nullable SocketChannel[] {here, null})) {
                sender.exchange(List.of(new Message(1, ByteBuffer.allocateDirect(sentBytes))), List.of());
                List<Message> due = List.of(new Message(0, ByteBuffer.allocateDirect(16)));
                assertThatThrownBy(() -> receiver.exchange(List.of(), due))
                        .isInstanceOf(CollectiveException.class)
                        .hasMessageContaining(message);
                assertThatThrownBy(() -> receiver.exchange(List.of(), List.of()))
                        .isInstanceOf(CollectiveException.class);
            }
        }
    }
}
