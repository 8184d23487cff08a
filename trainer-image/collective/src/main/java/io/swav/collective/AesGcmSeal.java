package io.swav.collective;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Encrypts bodies with AES-128-GCM, and authenticates header and body. The nonce is the frame's number: a key belongs to
 * one direction of one connection, and numbers only grow, so no nonce is used twice.
 *
 * <p>The cipher works on arrays of one frame, because the JDK copies other memory through small pieces.
 */
final class AesGcmSeal implements FrameSeal {
    static final int TAG_BYTES = 16;
    private static final int NONCE_BYTES = 12;
    private static final int NUMBER_AT = NONCE_BYTES - Long.BYTES;

    /** Frames of 1 KiB after which the JIT has compiled the cipher: a quarter of a second of processor time. */
    private static final int WARM_UP_FRAMES = 4096;

    private static final AtomicBoolean WARM = new AtomicBoolean();

    private final SecretKeySpec key;
    private final Cipher cipher;
    private final Scratch scratch;
    private final byte[] nonce = new byte[NONCE_BYTES];
    private final ByteBuffer header;
    private final ByteBuffer wire = ByteBuffer.allocateDirect(FrameHeader.BYTES + BODY_BYTES + TAG_BYTES);
    private final ByteBuffer[] frame = {wire};

    AesGcmSeal(byte[] key, Scratch scratch) {
        this.key = new SecretKeySpec(key, "AES");
        this.scratch = scratch;
        this.header = ByteBuffer.wrap(scratch.header);
        try {
            this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES-GCM", e);
        }
    }

    @Override
    public ByteBuffer[] seal(FrameHeader of, ByteBuffer body) {
        int length = body.remaining();
        try {
            begin(Cipher.ENCRYPT_MODE, of);
            body.get(body.position(), scratch.plain, 0, length);
            int sealed = cipher.doFinal(scratch.plain, 0, length, scratch.sealed, 0);
            wire.clear().put(scratch.header).put(scratch.sealed, 0, sealed).flip();
            return frame;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot encrypt frame " + of.number(), e);
        }
    }

    @Override
    public ByteBuffer[] room(ByteBuffer body) {
        wire.clear().limit(FrameHeader.BYTES + body.remaining() + TAG_BYTES);
        return frame;
    }

    @Override
    public boolean open(FrameHeader due, ByteBuffer body) {
        int length = body.remaining();
        try {
            begin(Cipher.DECRYPT_MODE, due);
            wire.get(FrameHeader.BYTES, scratch.sealed, 0, length + TAG_BYTES);
            cipher.doFinal(scratch.sealed, 0, length + TAG_BYTES, scratch.plain, 0);
            body.put(body.position(), scratch.plain, 0, length);
            return true;
        } catch (AEADBadTagException damaged) {
            return false;
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("cannot decrypt frame " + due.number(), e);
        }
    }

    /**
     * Has the JIT compile the cipher, once in a process. Until then it takes twenty times as long, and the first thing that
     * a newcomer receives, while all others wait, is the whole state.
     */
    static void warmUp() {
        if (WARM.getAndSet(true)) {
            return;
        }
        Scratch scratch = new Scratch();
        AesGcmSeal here = new AesGcmSeal(new byte[FrameKeys.BYTES], scratch);
        AesGcmSeal there = new AesGcmSeal(new byte[FrameKeys.BYTES], scratch);
        ByteBuffer body = ByteBuffer.allocate(1024);
        for (int number = 0; number < WARM_UP_FRAMES; number++) {
            FrameHeader header = new FrameHeader(0, number, body.remaining());
            there.room(body)[0].put(here.seal(header, body)[0]);
            there.open(header, body);
        }
    }

    private void begin(int mode, FrameHeader of) throws GeneralSecurityException {
        of.write(header.clear());
        ByteBuffer.wrap(nonce).putLong(NUMBER_AT, of.number());
        cipher.init(mode, key, new GCMParameterSpec(8 * TAG_BYTES, nonce));
        cipher.updateAAD(scratch.header);
    }
}
