package io.swav.collective;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.function.Function;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The first bytes of every connection. Both ends prove that they hold the job's key, over a fresh random number of each,
 * and agree on their identities and their generation.
 *
 * <pre>
 * dialler  → listener   magic, version, generation, ranks, line, uids of both, nonce a
 * listener → dialler    nonce b, HMAC("listener", hello, b)
 * dialler  → listener   HMAC("dialler", hello, b)
 * listener → dialler    verdict, HMAC("verdict", hello, b, verdict)
 * </pre>
 *
 * Nothing after the handshake is encrypted or signed: it keeps out other programs and trainers of older worlds, not an
 * attacker on the network path.
 */
final class Handshake {
    static final int TIMEOUT_MILLIS = 3000;
    private static final int MAGIC = 0x53774156;
    private static final int VERSION = 3;
    private static final int NONCE = 32;
    private static final int MAC = 32;
    private static final int MAX_UID = 256;
    private static final String ALGORITHM = "HmacSHA256";

    /**
     * The caller's identity, the listener that it expects, and the number of the connection between the two.
     *
     * @param line index of the connection among those between the two ranks
     */
    record Hello(long generation, int rank, String uid, int peerRank, String peerUid, int line) {
        byte[] encode(byte[] nonce) {
            byte[] from = uid.getBytes(StandardCharsets.UTF_8);
            byte[] to = peerUid.getBytes(StandardCharsets.UTF_8);
            return ByteBuffer.allocate(36 + from.length + to.length + NONCE)
                    .putInt(MAGIC)
                    .putInt(VERSION)
                    .putLong(generation)
                    .putInt(rank)
                    .putInt(peerRank)
                    .putInt(line)
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
     * caller expects a trainer with another uid.
     */
    enum HandshakeVerdict {
        Welcome('W'),
        Stale('O'),
        Stranger('S');

        private final byte code;

        HandshakeVerdict(char code) {
            this.code = (byte) code;
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

    /** The other side does not hold the key, or uses another protocol. */
    @SuppressWarnings("serial")
    static final class Refused extends IOException {
        Refused(String message) {
            super(message);
        }
    }

    private final byte[] key;
    private final SecureRandom random = new SecureRandom();

    Handshake(byte[] key) {
        if (key.length < 16) {
            throw new IllegalArgumentException("the handshake key has " + key.length + " bytes, but needs at least 16");
        }
        this.key = key.clone();
    }

    /**
     * Runs the caller's side, on a blocking channel.
     *
     * @throws Refused if the listener does not hold the key
     */
    HandshakeVerdict dial(SocketChannel channel, Hello hello) throws IOException {
        channel.socket().setSoTimeout(TIMEOUT_MILLIS);
        DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
        DataInputStream in = new DataInputStream(channel.socket().getInputStream());
        byte[] sentHello = hello.encode(nonce());
        out.write(sentHello);
        byte[] theirs = in.readNBytes(NONCE);
        check("listener", in.readNBytes(MAC), mac("listener", sentHello, theirs));
        out.write(mac("dialler", sentHello, theirs));
        byte[] verdict = in.readNBytes(1);
        check("listener", in.readNBytes(MAC), mac("verdict", sentHello, theirs, verdict));
        return HandshakeVerdict.of(verdict[0]);
    }

    /**
     * Runs the listener's side, on a blocking channel.
     *
     * @param judge decides about a caller that has proved that it holds the key
     * @return the caller's hello, whatever the verdict
     * @throws Refused if the caller has another key or sends anything but a handshake
     */
    Hello answer(SocketChannel channel, Function<Hello, HandshakeVerdict> judge) throws IOException {
        channel.socket().setSoTimeout(TIMEOUT_MILLIS);
        DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
        DataInputStream in = new DataInputStream(channel.socket().getInputStream());
        if (in.readInt() != MAGIC) {
            throw new Refused("the caller does not use the trainers' protocol");
        }
        int version = in.readInt();
        if (version != VERSION) {
            throw new Refused("the caller uses protocol version " + version + ", this trainer version " + VERSION);
        }
        long generation = in.readLong();
        int rank = in.readInt();
        int peerRank = in.readInt();
        int line = in.readInt();
        int uidLength = in.readInt();
        int peerLength = in.readInt();
        if (uidLength < 0 || uidLength > MAX_UID || peerLength < 0 || peerLength > MAX_UID) {
            throw new Refused("invalid uid lengths: " + uidLength + " and " + peerLength + " bytes");
        }
        String uid = new String(in.readNBytes(uidLength), StandardCharsets.UTF_8);
        String peerUid = new String(in.readNBytes(peerLength), StandardCharsets.UTF_8);
        Hello hello = new Hello(generation, rank, uid, peerRank, peerUid, line);
        byte[] sentHello = hello.encode(in.readNBytes(NONCE));
        byte[] mine = nonce();
        out.write(concat(mine, mac("listener", sentHello, mine)));
        check("caller", in.readNBytes(MAC), mac("dialler", sentHello, mine));
        byte[] verdict = {judge.apply(hello).code};
        out.write(concat(verdict, mac("verdict", sentHello, mine, verdict)));
        return hello;
    }

    private byte[] nonce() {
        byte[] nonce = new byte[NONCE];
        random.nextBytes(nonce);
        return nonce;
    }

    private static void check(String side, byte[] got, byte[] expected) throws Refused {
        if (got.length < MAC) {
            throw new Refused("the " + side + " disconnected during the handshake: it may hold another key");
        }
        if (!MessageDigest.isEqual(got, expected)) {
            throw new Refused("the " + side + " does not hold this job's handshake key");
        }
    }

    private byte[] mac(String purpose, byte[]... parts) {
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

    private static byte[] concat(byte[] a, byte[] b) {
        return ByteBuffer.allocate(a.length + b.length).put(a).put(b).array();
    }
}
