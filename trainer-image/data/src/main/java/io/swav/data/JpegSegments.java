package io.swav.data;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Walks the markers of a JPEG file (ITU-T T.81, annex B). A marker is 0xff and a byte that says what follows; most are
 * followed by a segment whose length stands in front, so that what looks like a marker inside it is passed over.
 *
 * <p>Positions are those of a marker's 0xff. All methods throw {@link IndexOutOfBoundsException} where the file ends
 * too early.
 */
final class JpegSegments {
    static final int APP1 = 0xe1;
    static final int APP14 = 0xee;
    static final int END = 0xd9;
    static final int SCAN = 0xda;

    private static final int FIRST_RESTART = 0xd0;
    private static final int START = 0xd8;
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long ONES = 0x0101010101010101L;
    private static final long HIGH_BITS = 0x8080808080808080L;

    private final byte[] encoded;

    JpegSegments(byte[] encoded) {
        this.encoded = encoded;
    }

    /** Returns the position of the first marker after the start of the image. */
    int first() {
        return find(2);
    }

    /** Returns the position of the marker that follows the one at {@code at} and its segment or scan. */
    int next(int at) {
        return find(content(at) + length(at));
    }

    /** The byte that says which marker it is. */
    int marker(int at) {
        return encoded[at + 1] & 0xff;
    }

    /** Whether the marker at {@code at} begins a frame: SOF0 to SOF15 without the three other markers in that range. */
    boolean isFrame(int at) {
        int marker = marker(at);
        return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    }

    /** Returns the position of the first byte after a segment's length. */
    int content(int at) {
        return at + 4;
    }

    /** Returns the number of bytes from {@link #content} on that belong to the segment. */
    int length(int at) {
        return Math.max(0, unsignedShort(at + 2) - 2);
    }

    int unsignedShort(int at) {
        return (encoded[at] & 0xff) << 8 | (encoded[at + 1] & 0xff);
    }

    /**
     * Finds the next marker, as libjpeg does: bytes that are none are skipped. In the data of a scan these are the pixels; a
     * 0xff among them is followed by 0, and restart markers belong to them.
     */
    private int find(int from) {
        int at = from;
        while (true) {
            at = find0xff(at);
            int marker = marker(at);
            if (marker == 0xff) {
                at++; // padding
            } else if (marker <= 0x01 || (marker >= FIRST_RESTART && marker <= START)) {
                at += 2;
            } else {
                return at;
            }
        }
    }

    private int find0xff(int from) {
        int at = from;
        while (at + Long.BYTES <= encoded.length && !has0xff((long) LONGS.get(encoded, at))) {
            at += Long.BYTES;
        }
        while (encoded[at] != (byte) 0xff) {
            at++;
        }
        return at;
    }

    /** Whether one of eight bytes is 0xff, without a look at each: subtracting 1 from 0 borrows through the high bit. */
    private static boolean has0xff(long eight) {
        long inverted = ~eight;
        return ((inverted - ONES) & ~inverted & HIGH_BITS) != 0;
    }
}
