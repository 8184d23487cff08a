package io.swav.collective;

import io.swav.common.DaemonThreads;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Random;

/** Stands between two ranks, passes handshakes and frames on, and damages one frame. */
final class FrameProxy implements AutoCloseable {
    enum Fault {
        FlipHeader,
        FlipBody,
        FlipTag,
        Duplicate,
        /** Only where a frame of the same message follows, so that the receiver does not wait for the missing bytes. */
        Truncate,
        /** Only where a frame of the same message follows. */
        Swap;

        private boolean fits(long length) {
            return switch (this) {
                case FlipBody -> length > 0;
                case Truncate, Swap -> length > FrameSeal.BODY_BYTES;
                default -> true;
            };
        }
    }

    /**
     * Damages the first frame that fits, from a certain one on.
     *
     * @param toListener the direction
     */
    record Injection(Fault fault, int line, boolean toListener, int fromFrame, Random random) {}

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final int target;
    private final int tagBytes;
    private Optional<Injection> injection;

    FrameProxy(int target, FrameProtection protection, Injection injection) throws IOException {
        this.target = target;
        this.tagBytes = protection == FrameProtection.On ? AesGcmSeal.TAG_BYTES : Crc32cSeal.TAG_BYTES;
        this.injection = Optional.of(injection);
        DaemonThreads.start("frame-proxy", this::accept);
    }

    InetSocketAddress address() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.getLocalPort());
    }

    /** Whether the frame has been damaged. */
    synchronized boolean isDone() {
        return injection.isEmpty();
    }

    private synchronized Optional<Injection> take(int line, boolean toListener, int frame, long length) {
        Optional<Injection> now = injection.filter(due -> due.line() == line
                && due.toListener() == toListener
                && frame >= due.fromFrame()
                && due.fault().fits(length));
        if (now.isPresent()) {
            injection = Optional.empty();
        }
        return now;
    }

    private void accept() {
        while (true) {
            try {
                Socket dialler = listener.accept();
                DaemonThreads.start("frame-proxy", () -> serve(dialler));
            } catch (IOException closed) {
                return;
            }
        }
    }

    private void serve(Socket dialler) {
        try (dialler;
                Socket server = new Socket(InetAddress.getLoopbackAddress(), target)) {
            dialler.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
            DataInputStream up = new DataInputStream(dialler.getInputStream());
            DataInputStream down = new DataInputStream(server.getInputStream());
            byte[] fixed = read(up, Answer.FIXED_BYTES);
            ByteBuffer hello = ByteBuffer.wrap(fixed);
            server.getOutputStream().write(fixed);
            server.getOutputStream().write(read(up, hello.getInt(32) + hello.getInt(36) + Handshake.NONCE));
            dialler.getOutputStream().write(read(down, Handshake.NONCE + Handshake.MAC));
            server.getOutputStream().write(read(up, Handshake.MAC));
            dialler.getOutputStream().write(read(down, 1 + Handshake.MAC));
            int line = hello.getInt(24);
            Thread back = DaemonThreads.start("frame-proxy", () -> {
                try {
                    pass(down, dialler.getOutputStream(), line, false);
                } catch (IOException cut) {
                    close(dialler);
                    close(server);
                }
            });
            try {
                pass(up, server.getOutputStream(), line, true);
            } finally {
                close(dialler);
                close(server);
                join(back);
            }
        } catch (IOException cut) {
            // one of the two has hung up, and now both have
        }
    }

    private void pass(DataInputStream in, OutputStream out, int line, boolean toListener) throws IOException {
        if (line < 0 || line == TcpCollective.LINES - 1) {
            while (true) {
                out.write(read(in, 1));
            }
        }
        for (int number = 0; ; number++) {
            byte[] frame = frame(in);
            long length = ByteBuffer.wrap(frame).getLong(16);
            Optional<Injection> now = take(line, toListener, number, length);
            if (now.isPresent()) {
                damage(now.get(), frame, in, out);
            } else {
                out.write(frame);
            }
        }
    }

    private byte[] frame(DataInputStream in) throws IOException {
        byte[] header = read(in, FrameHeader.BYTES);
        int body = (int) Math.min(ByteBuffer.wrap(header).getLong(16), FrameSeal.BODY_BYTES);
        return ByteBuffer.allocate(header.length + body + tagBytes)
                .put(header)
                .put(read(in, body + tagBytes))
                .array();
    }

    private void damage(Injection now, byte[] frame, DataInputStream in, OutputStream out) throws IOException {
        int tagAt = frame.length - tagBytes;
        switch (now.fault()) {
            case FlipHeader -> flip(frame, 0, FrameHeader.BYTES, now.random());
            case FlipBody -> flip(frame, FrameHeader.BYTES, tagAt, now.random());
            case FlipTag -> flip(frame, tagAt, frame.length, now.random());
            case Duplicate -> out.write(frame);
            case Swap -> out.write(frame(in));
            case Truncate -> {
                out.write(frame, 0, now.random().nextInt(frame.length));
                return;
            }
        }
        out.write(frame);
    }

    private static void flip(byte[] bytes, int from, int to, Random random) {
        bytes[random.nextInt(from, to)] ^= (byte) (1 << random.nextInt(8));
    }

    private static byte[] read(DataInputStream in, int bytes) throws IOException {
        byte[] all = in.readNBytes(bytes);
        if (all.length < bytes) {
            throw new EOFException();
        }
        return all;
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
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
    }
}
