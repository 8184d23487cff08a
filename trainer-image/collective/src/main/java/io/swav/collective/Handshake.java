package io.swav.collective;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The first bytes of every connection. Both ends prove that they hold the job's key, over a fresh random number of each,
 * and agree on their identities, their generation and the protection of frames.
 *
 * <pre>
 * dialler  → listener   magic, version, generation, ranks, line, protection, uids of both, nonce a
 * listener → dialler    nonce b, HMAC("listener", hello, b)
 * dialler  → listener   HMAC("dialler", hello, b)
 * listener → dialler    verdict, HMAC("verdict", hello, b, verdict)
 * </pre>
 *
 * Both derive a key for the frames of each direction: HMAC("frames of the dialler", hello, b) and HMAC("frames of the
 * listener", hello, b), shortened to {@link FrameKeys#BYTES}. This class runs the dialler's side and {@link Answer} the
 * listener's.
 */
final class Handshake {
    /** Time for the whole handshake, at either end: two round trips, between machines that may be busy. */
    static final Duration TIME_LIMIT = Duration.ofSeconds(3);

    static final int MAGIC = 0x53774156;
    static final int VERSION = 7;
    static final int NONCE = 32;
    static final int MAC = 32;
    private static final String ALGORITHM = "HmacSHA256";

    /**
     * The caller's identity, the listener that it expects, and the number of the connection between the two.
     *
     * @param line index of the connection among those between the two ranks
     */
    record Hello(long generation, int rank, String uid, int peerRank, String peerUid, int line) {
        byte[] encode(FrameProtection protection, byte[] nonce) {
            byte[] from = uid.getBytes(StandardCharsets.UTF_8);
            byte[] to = peerUid.getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.allocate(Answer.FIXED_BYTES + from.length + to.length + NONCE)
                    .putInt(MAGIC)
                    .putInt(VERSION)
                    .putLong(generation)
                    .putInt(rank)
                    .putInt(peerRank)
                    .putInt(line)
                    .putInt(protection.code())
                    .putInt(from.length)
                    .putInt(to.length)
                    .put(from)
                    .put(to)
                    .put(nonce)
                    .array();
        }
    }

    /**
     * The listener's answer. {@code Stale}: the caller is in an older world than the listener. {@code Stranger}: the
     * caller expects a trainer with another uid. {@code OtherProtection}: the caller protects frames in another way.
     */
    enum HandshakeVerdict {
        Welcome('W'),
        Stale('O'),
        Stranger('S'),
        OtherProtection('P');

        private final byte code;

        HandshakeVerdict(char code) {
            this.code = (byte) code;
        }

        byte code() {
            return code;
        }

        private static HandshakeVerdict of(byte code) throws Refused {
            for (HandshakeVerdict verdict : values()) {
                if (verdict.code == code) {
                    return verdict;
                }
            }
            throw new Refused("unknown verdict " + code);
        }
    }

    /**
     * What the dialler has learned.
     *
     * @param keys of the frames, of use if the verdict is Welcome
     */
    record Reply(HandshakeVerdict verdict, FrameKeys keys) {}

    /** The other side does not hold the key, or uses another protocol. */
    @SuppressWarnings("serial")
    static final class Refused extends IOException {
        Refused(String message) {
            super(message);
        }
    }

    private final byte[] key;
    private final FrameProtection protection;
    private final SecureRandom random = new SecureRandom();

    Handshake(byte[] key, FrameProtection protection) {
        if (key.length < 16) {
            throw new IllegalArgumentException("the handshake key has " + key.length + " bytes, but needs at least 16");
        }
        this.key = key.clone();
        this.protection = protection;
    }

    FrameProtection protection() {
        return protection;
    }

    /**
     * Runs the caller's side, on a blocking channel.
     *
     * @throws Refused if the listener does not hold the key
     * @throws SocketTimeoutException if it has not ended within {@link #TIME_LIMIT}, however the listener's bytes arrive
     */
    Reply dial(SocketChannel channel, Hello hello) throws IOException {
        long deadline = System.nanoTime() + TIME_LIMIT.toNanos();
        OutputStream out = channel.socket().getOutputStream();
        byte[] sentHello = hello.encode(protection, nonce());
        out.write(sentHello);
        byte[] theirs = read(channel.socket(), NONCE, deadline);
        check("listener", read(channel.socket(), MAC, deadline), mac("listener", sentHello, theirs));
        out.write(mac("dialler", sentHello, theirs));
        byte[] verdict = read(channel.socket(), 1, deadline);
        check("listener", read(channel.socket(), MAC, deadline), mac("verdict", sentHello, theirs, verdict));
        FrameKeys keys = new FrameKeys(
                protection,
                frameKey("frames of the dialler", sentHello, theirs),
                frameKey("frames of the listener", sentHello, theirs));
        return new Reply(HandshakeVerdict.of(verdict[0]), keys);
    }

    /** Reads before a deadline: a listener that sends a byte now and then would never run into a timeout for each. */
    private static byte[] read(Socket socket, int bytes, long deadline) throws IOException {
        InputStream in = socket.getInputStream();
        byte[] all = new byte[bytes];
        for (int filled = 0; filled < bytes; ) {
            long left = Duration.ofNanos(deadline - System.nanoTime()).toMillis();
            try {
                socket.setSoTimeout((int) Math.max(1, left));
                int count = in.read(all, filled, bytes - filled);
                if (count < 0) {
                    throw new EOFException("the listener disconnected during the handshake: it may hold another key, or"
                            + " run another version");
                }
                filled += count;
            } catch (SocketTimeoutException e) {
                throw late();
            }
            if (left <= 0) {
                throw late();
            }
        }
        return all;
    }

    private static SocketTimeoutException late() {
        return new SocketTimeoutException("no complete handshake within " + TIME_LIMIT.toSeconds() + " s");
    }

    byte[] nonce() {
        byte[] nonce = new byte[NONCE];
        random.nextBytes(nonce);
        return nonce;
    }

    /** Returns the key of one direction's frames, from a label that no other use of the job's key has. */
    byte[] frameKey(String label, byte[] hello, byte[] nonce) {
        return Arrays.copyOf(mac(label, hello, nonce), FrameKeys.BYTES);
    }

    /** @throws Refused if the proof is not the expected one */
    static void check(String side, byte[] got, byte[] expected) throws Refused {
        if (!MessageDigest.isEqual(got, expected)) {
            throw new Refused("the " + side + " does not hold this job's handshake key");
        }
    }

    byte[] mac(String purpose, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
            mac.update(purpose.getBytes(StandardCharsets.UTF_8));
            for (byte[] part : parts) {
                mac.update(part);
            }
            return mac.doFinal();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has " + ALGORITHM, e);
        }
    }
}
