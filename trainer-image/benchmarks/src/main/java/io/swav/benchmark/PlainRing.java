package io.swav.benchmark;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.CompletableFuture;

/**
 * Plain blocking sockets from every rank to the next, on loopback: the throughput that a sum over sockets could reach
 * if adding were free and no rank waited for another. One thread sends the bytes of an array while another fills a
 * second array.
 */
final class PlainRing implements AutoCloseable {
    private static final int CALL_BYTES = 1 << 20;

    private final SocketChannel next;
    private final SocketChannel previous;

    private PlainRing(SocketChannel next, SocketChannel previous) {
        this.next = next;
        this.previous = previous;
    }

    static PlainRing connect(Collective world) throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open();
                NDManager manager = TorchRuntime.host()) {
            InetAddress host = InetAddress.getLoopbackAddress();
            server.bind(new InetSocketAddress(host, 0));
            NDArray ports = manager.zeros(new Shape(world.size()), DataType.INT64);
            world.allGather(manager.create(new long[] {server.socket().getLocalPort()}), ports);
            int port = (int) ports.getLong((world.rank() + 1) % world.size());
            SocketChannel next = SocketChannel.open(new InetSocketAddress(host, port));
            return new PlainRing(next, server.accept());
        }
    }

    /**
     * Sends {@code bytes} bytes, cycling through {@code from}, while as many received bytes cycle through {@code into}.
     */
    void push(long bytes, ByteBuffer from, ByteBuffer into) throws IOException {
        CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
            try {
                move(bytes, from.duplicate(), next::write);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        move(bytes, into.duplicate(), previous::read);
        sent.join();
    }

    private interface RingCall {
        int on(ByteBuffer buffer) throws IOException;
    }

    private static void move(long bytes, ByteBuffer array, RingCall call) throws IOException {
        long left = bytes;
        while (left > 0) {
            if (array.position() == array.capacity()) {
                array.clear();
            }
            int most = (int) Math.min(CALL_BYTES, Math.min(left, array.capacity() - array.position()));
            int count = call.on(array.limit(array.position() + most));
            if (count < 0) {
                throw new IOException("the previous rank closed its connection");
            }
            left -= count;
        }
    }

    @Override
    public void close() throws IOException {
        try (SocketChannel first = next;
                SocketChannel second = previous) {
            first.shutdownOutput();
            second.shutdownInput();
        }
    }
}
