package io.swav.collective;

import io.swav.collective.Handshake.HandshakeVerdict;
import io.swav.collective.Handshake.Hello;
import io.swav.collective.Handshake.Refused;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Function;

/**
 * The listener's side of one {@link Handshake}. It takes bytes as they arrive and never waits, so one thread runs many.
 * It holds at most {@link #MAX_BYTES}, whatever the caller sends.
 */
final class Answer {
    /** Length of a hello before the uids. */
    static final int FIXED_BYTES = 40;
    /** Magic and version, which are judged first: what follows depends on them. */
    private static final int PREFIX_BYTES = 8;

    private static final int MAX_UID = 256;
    private static final int MAX_BYTES = FIXED_BYTES + 2 * MAX_UID + Handshake.NONCE;

    private enum Stage {
        Prefix,
        Fixed,
        Hello,
        Proof
    }

    /**
     * A completed handshake.
     *
     * @param keys of the frames, of use if the verdict is Welcome
     */
    record Completed(Hello hello, HandshakeVerdict verdict, FrameKeys keys) {}

    private final Handshake handshake;
    private final String uid;
    private final Function<Hello, HandshakeVerdict> judge;
    private final ByteBuffer in = ByteBuffer.allocate(MAX_BYTES).limit(PREFIX_BYTES);
    private final byte[] nonce;
    private Stage stage = Stage.Prefix;
    private byte[] sentHello = {};
    private boolean protectedAlike;
    private Hello hello = new Hello(0, 0, "", 0, "", 0);

    /**
     * @param uid uid of this process
     * @param judge decides about a caller that has proved that it holds the key, calls this process by its uid, and protects
     *     frames in the same way
     */
    Answer(Handshake handshake, String uid, Function<Hello, HandshakeVerdict> judge) {
        this.handshake = handshake;
        this.uid = uid;
        this.judge = judge;
        this.nonce = handshake.nonce();
    }

    /** Whether the caller has said a hello to this process by its uid, which strangers do not know. */
    boolean isCalledByUid() {
        return stage == Stage.Proof && hello.peerUid().equals(uid);
    }

    /**
     * Continues with the bytes that have arrived.
     *
     * @return empty if more must arrive
     * @throws Refused if the caller has another key, sends anything but a handshake, or disconnects during it
     */
    Optional<Completed> advance(ByteChannel channel) throws IOException {
        while (true) {
            while (in.hasRemaining()) {
                int count = channel.read(in);
                if (count == 0) {
                    return Optional.empty();
                }
                if (count < 0) {
                    throw new Refused(
                            "the caller disconnected before it had identified itself: it may only have checked"
                                    + " that the port is open, or it has ended");
                }
            }
            switch (stage) {
                case Prefix -> takePrefix();
                case Fixed -> takeFixed();
                case Hello -> takeHello(channel);
                case Proof -> {
                    return Optional.of(takeProof(channel));
                }
            }
        }
    }

    private void takePrefix() throws Refused {
        if (in.getInt(0) != Handshake.MAGIC) {
            throw new Refused("the caller does not use the trainers' protocol");
        }
        int version = in.getInt(4);
        if (version != Handshake.VERSION) {
            throw new Refused("the caller uses protocol version " + version + ", this trainer version "
                    + Handshake.VERSION + ": all trainers of a job need images of one version");
        }
        expect(Stage.Fixed, FIXED_BYTES);
    }

    private void takeFixed() throws Refused {
        int from = in.getInt(32);
        int to = in.getInt(36);
        if (from < 0 || from > MAX_UID || to < 0 || to > MAX_UID) {
            throw new Refused("invalid uid lengths: " + from + " and " + to + " bytes");
        }
        expect(Stage.Hello, FIXED_BYTES + from + to + Handshake.NONCE);
    }

    private void takeHello(ByteChannel channel) throws IOException {
        sentHello = Arrays.copyOf(in.array(), in.limit());
        int from = in.getInt(32);
        hello = new Hello(
                in.getLong(8),
                in.getInt(16),
                new String(sentHello, FIXED_BYTES, from, StandardCharsets.UTF_8),
                in.getInt(20),
                new String(sentHello, FIXED_BYTES + from, in.getInt(36), StandardCharsets.UTF_8),
                in.getInt(24));
        protectedAlike = in.getInt(28) == handshake.protection().code();
        write(channel, nonce, handshake.mac("listener", sentHello, nonce));
        in.clear();
        expect(Stage.Proof, Handshake.MAC);
    }

    private Completed takeProof(ByteChannel channel) throws IOException {
        byte[] proof = Arrays.copyOf(in.array(), Handshake.MAC);
        Handshake.check("caller", proof, handshake.mac("dialler", sentHello, nonce));
        HandshakeVerdict verdict = verdict();
        byte[] code = {verdict.code()};
        write(channel, code, handshake.mac("verdict", sentHello, nonce, code));
        FrameKeys keys = new FrameKeys(
                handshake.protection(),
                handshake.frameKey("frames of the listener", sentHello, nonce),
                handshake.frameKey("frames of the dialler", sentHello, nonce));
        return new Completed(hello, verdict, keys);
    }

    private HandshakeVerdict verdict() {
        if (!hello.peerUid().equals(uid)) {
            return HandshakeVerdict.Stranger;
        }
        return protectedAlike ? judge.apply(hello) : HandshakeVerdict.OtherProtection;
    }

    private void expect(Stage next, int bytes) {
        stage = next;
        in.limit(bytes);
    }

    /** Sends a few bytes, which an empty socket takes at once. */
    private static void write(ByteChannel channel, byte[] first, byte[] second) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(first.length + second.length)
                .put(first)
                .put(second)
                .flip();
        channel.write(bytes);
        if (bytes.hasRemaining()) {
            throw new Refused("the caller does not read what it is sent");
        }
    }
}
