package io.swav.chaos;

import java.util.Arrays;
import java.util.Random;

/** Lists the ways to damage bytes on their way between two trainers. */
enum LineFault {
    /** One bit changes. */
    FLIP("one bit flipped"),
    /** The last bytes come again. */
    REPEAT("bytes repeated"),
    /** Only the first bytes arrive, and the connection ends. */
    CUT("connection cut"),
    /** The bytes arrive late, and unchanged. */
    DELAY("bytes delayed");

    /** The most bytes that are repeated. */
    private static final int REPEATED = 4096;

    final String words;

    LineFault(String words) {
        this.words = words;
    }

    /**
     * The bytes that arrive in place of these.
     *
     * @param bytes at least two
     */
    byte[] damage(byte[] bytes, Random random) {
        switch (this) {
            case FLIP -> {
                byte[] flipped = bytes.clone();
                flipped[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                return flipped;
            }
            case REPEAT -> {
                int again = 1 + random.nextInt(Math.min(REPEATED, bytes.length));
                byte[] repeated = Arrays.copyOf(bytes, bytes.length + again);
                System.arraycopy(bytes, bytes.length - again, repeated, bytes.length, again);
                return repeated;
            }
            case CUT -> {
                return Arrays.copyOf(bytes, 1 + random.nextInt(bytes.length - 1));
            }
            case DELAY -> {
                return bytes;
            }
        }
        throw new IllegalStateException("no such fault: " + this);
    }
}
