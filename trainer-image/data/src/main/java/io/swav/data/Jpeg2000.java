package io.swav.data;

import java.nio.ByteBuffer;

/**
 * The markers of a JPEG 2000 code stream (ITU-T T.800, annex A), which is a file by itself or lies in a box of a JP2 file
 * (annex I). All methods throw {@link IndexOutOfBoundsException} where the file ends too early.
 */
final class Jpeg2000 {
    private static final int CODE_STREAM = 0x6a703263; // jp2c
    private static final int START = 0xff4f;
    private static final int TILE_PART = 0xff90;
    private static final int END = 0xffd9;
    /** A tile-part has at least its marker segment and the marker that begins its data. */
    private static final int MIN_TILE_PART_BYTES = 14;

    private final ByteBuffer bytes;
    private final int start;

    Jpeg2000(ByteBuffer bytes) {
        this.bytes = bytes;
        this.start = unsignedShort(0) == START ? 0 : codeStream();
    }

    /** Boxes begin with length and type; length 1 stands for a longer field, and 0 for all that is left. */
    private int codeStream() {
        long at = 0;
        while (true) {
            int box = index(at);
            long length = unsigned(box);
            int header = length == 1 ? 16 : 8;
            if (bytes.getInt(box + 4) == CODE_STREAM) {
                return box + header;
            }
            long whole = length == 1 ? bytes.getLong(box + 8) : length;
            if (whole < header || whole > bytes.limit()) {
                throw new IndexOutOfBoundsException();
            }
            at += whole;
        }
    }

    long width() {
        return unsigned(start + 8) - unsigned(start + 16);
    }

    long height() {
        return unsigned(start + 12) - unsigned(start + 20);
    }

    int channels() {
        return unsignedShort(start + 40);
    }

    /** Whether the code stream ends with its end marker, after tile-parts of the lengths that they state. */
    boolean isComplete() {
        long at = start + 2L;
        while (true) {
            int marker = unsignedShort(index(at));
            if (marker == END) {
                return true;
            } else if (marker == TILE_PART) {
                long length = unsigned(index(at + 6));
                if (length == 0) { // the last one, up to the end marker
                    return unsignedShort(bytes.limit() - 2) == END;
                } else if (length < MIN_TILE_PART_BYTES) {
                    return false;
                }
                at += length;
            } else {
                at += 2L + Math.max(2, unsignedShort(index(at + 2)));
            }
        }
    }

    private int unsignedShort(int at) {
        return bytes.getShort(at) & 0xffff;
    }

    private long unsigned(int at) {
        return bytes.getInt(at) & 0xffffffffL;
    }

    private static int index(long at) {
        if (at > Integer.MAX_VALUE - 16) {
            throw new IndexOutOfBoundsException();
        }
        return (int) at;
    }
}
