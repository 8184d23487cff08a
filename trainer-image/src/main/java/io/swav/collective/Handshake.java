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
 * The first bytes of every connection: both ends prove that they hold the job's key, over fresh random numbers of
 * each, and agree on who they are and in which generation.
 *
 * <pre>
 * dialler  → listener   magic, version, generation, ranks, line, uids of both, nonce a
 * listener → dialler    nonce b, HMAC("listener", hello, b)
 * dialler  → listener   HMAC("dialler", hello, b)
 * listener → dialler    verdict, HMAC("verdict", hello, b, verdict)
 * </pre>
 *
 * Nothing after it is encrypted or signed: it keeps strangers and stragglers out, not an attacker on the path.
 */
final class Handshake {
    static final int TIMEOUT_MILLIS = 3000;
    private static final int MAGIC = 0x53774156;
    private static final int VERSION = 3;
    private static final int NONCE = 32;
    private static final int MAC = 32;
    private static final int MAX_UID = 256;
    private static final String ALGORITHM = "HmacSHA256";

    /** Who calls whom, for which of their lines. */
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

    /** The listener's answer; {@code Stale}: the caller is in an older world than the listener. */
    enum Verdict {
        Welcome('W'),
        Stale('O'),
        Stranger('S');

        private final byte code;

        Verdict(char code) {
            this.code = (byte) code;
        }

        private static Verdict of(byte code) throws Refused {
            for (Verdict verdict : values()) {
                if (verdict.code == code) {
                    return verdict;
                }
            }
            throw new Refused("unknown verdict " + code);
        }
    }

    /** The other side does not hold the key, or speaks something else. */
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
            throw new IllegalArgumentException("the handshake key has " + key.length + " bytes, it needs 16 or more");
        }
        this.key = key.clone();
    }

    /**
     * The caller's side, on a blocking channel.
     *
     * @throws Refused when the listener has another key or another identity
     */
    Verdict dial(SocketChannel channel, Hello hello) throws IOException {
        channel.socket().setSoTimeout(TIMEOUT_MILLIS);
        DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
        DataInputStream in = new DataInputStream(channel.socket().getInputStream());
        byte[] said = hello.encode(nonce());
        out.write(said);
        byte[] theirs = in.readNBytes(NONCE);
        check("listener", in.readNBytes(MAC), mac("listener", said, theirs));
        out.write(mac("dialler", said, theirs));
        byte[] verdict = in.readNBytes(1);
        check("listener", in.readNBytes(MAC), mac("verdict", said, theirs, verdict));
        return Verdict.of(verdict[0]);
    }

    /**
     * The listener's side, on a blocking channel.
     *
     * @param judge decides over a caller that has proved itself
     * @return the caller's hello, whatever the verdict
     * @throws Refused when the caller has another key or sends garbage
     */
    Hello answer(SocketChannel channel, Function<Hello, Verdict> judge) throws IOException {
        channel.socket().setSoTimeout(TIMEOUT_MILLIS);
        DataOutputStream out = new DataOutputStream(channel.socket().getOutputStream());
        DataInputStream in = new DataInputStream(channel.socket().getInputStream());
        if (in.readInt() != MAGIC) {
            throw new Refused("not a trainer of this kind");
        }
        int version = in.readInt();
        if (version != VERSION) {
            throw new Refused("protocol version " + version + " where this is version " + VERSION);
        }
        long generation = in.readLong();
        int rank = in.readInt();
        int peerRank = in.readInt();
        int line = in.readInt();
        int uidLength = in.readInt();
        int peerLength = in.readInt();
        if (uidLength < 0 || uidLength > MAX_UID || peerLength < 0 || peerLength > MAX_UID) {
            throw new Refused("uids of " + uidLength + " and " + peerLength + " bytes");
        }
        String uid = new String(in.readNBytes(uidLength), StandardCharsets.UTF_8);
        String peerUid = new String(in.readNBytes(peerLength), StandardCharsets.UTF_8);
        Hello hello = new Hello(generation, rank, uid, peerRank, peerUid, line);
        byte[] said = hello.encode(in.readNBytes(NONCE));
        byte[] mine = nonce();
        out.write(concat(mine, mac("listener", said, mine)));
        check("caller", in.readNBytes(MAC), mac("dialler", said, mine));
        byte[] verdict = {judge.apply(hello).code};
        out.write(concat(verdict, mac("verdict", said, mine, verdict)));
        return hello;
    }

    private byte[] nonce() {
        byte[] nonce = new byte[NONCE];
        random.nextBytes(nonce);
        return nonce;
    }

    private static void check(String who, byte[] got, byte[] expected) throws Refused {
        if (got.length < MAC) {
            throw new Refused("the " + who + " hung up during the handshake: it may hold another key");
        }
        if (!MessageDigest.isEqual(got, expected)) {
            throw new Refused("the " + who + " does not hold this job's handshake key");
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
