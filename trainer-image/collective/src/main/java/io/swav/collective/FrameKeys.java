package io.swav.collective;

/**
 * What the two ends of a connection agreed on in their {@link Handshake}: one key for each direction, which no other
 * connection has.
 */
final class FrameKeys {
    /** Length of a key: AES-128. */
    static final int BYTES = 16;

    private final FrameProtection protection;
    private final byte[] send;
    private final byte[] receive;

    /**
     * @param send 16 bytes, for frames to the other end
     * @param receive 16 bytes, for frames from the other end
     */
    FrameKeys(FrameProtection protection, byte[] send, byte[] receive) {
        this.protection = protection;
        this.send = send;
        this.receive = receive;
    }

    FrameSeal sealing(FrameSeal.Scratch scratch) {
        return seal(send, scratch);
    }

    FrameSeal opening(FrameSeal.Scratch scratch) {
        return seal(receive, scratch);
    }

    private FrameSeal seal(byte[] key, FrameSeal.Scratch scratch) {
        return switch (protection) {
            case On -> new AesGcmSeal(key, scratch);
            case Off -> new Crc32cSeal(key);
        };
    }
}
