package io.swav.collective;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.SocketChannel;

/** A connection after its {@link Handshake}, with the keys of its frames. */
record SecuredChannel(SocketChannel socket, FrameKeys keys) implements Closeable {
    @Override
    public void close() throws IOException {
        socket.close();
    }
}
