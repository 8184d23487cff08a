package io.swav.data;

import java.nio.ByteBuffer;

/**
 * The header of a PPM, PGM or PBM file: {@code P1} to {@code P6}, then width, height and, except for bitmaps, the
 * largest level, in digits with white space and comments between them.
 *
 * @param kind 1 to 6; from 4 on, pixels are binary
 * @param pixelsAt position of the first pixel
 */
record PpmHeader(int kind, long width, long height, long maxLevel, int pixelsAt) {
    private static final int BITMAP = 1;
    private static final int FIRST_BINARY = 4;

    /** Reads a header. Throws {@link IndexOutOfBoundsException} if it is cut off. */
    static PpmHeader read(ByteBuffer bytes) {
        int kind = bytes.get(1) - '0';
        long[] numbers = {0, 0, 1};
        int at = 2;
        for (int i = 0; i < (kind % 3 == BITMAP ? 2 : 3); i++) {
            numbers[i] = 0;
            while (!isDigit(bytes.get(at))) {
                at = bytes.get(at) == '#' ? endOfLine(bytes, at) : at + 1;
            }
            for (; isDigit(bytes.get(at)) && numbers[i] < 1L << 32; at++) {
                numbers[i] = 10 * numbers[i] + bytes.get(at) - '0';
            }
        }
        return new PpmHeader(kind, numbers[0], numbers[1], numbers[2], at + 1);
    }

    /** Returns the number of bytes that the pixels take; the least possible number if they are in digits. */
    double pixelBytes() {
        double levels = (double) width * height * (kind % 3 == 0 ? 3 : 1);
        if (kind < FIRST_BINARY) {
            return levels;
        }
        long bitmapRow = (width + 7) / 8;
        return kind % 3 == BITMAP ? (double) bitmapRow * height : levels * (maxLevel > 255 ? 2 : 1);
    }

    private static int endOfLine(ByteBuffer bytes, int from) {
        int at = from;
        while (bytes.get(at) != '\n') {
            at++;
        }
        return at;
    }

    private static boolean isDigit(byte character) {
        return character >= '0' && character <= '9';
    }
}
