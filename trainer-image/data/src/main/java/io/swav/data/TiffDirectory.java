package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;

/**
 * One directory of a TIFF file, or of the EXIF block of another format, which is a TIFF file without pixels (TIFF 6.0,
 * section 2). Offsets count from the start of that file or block. Reading past the end throws
 * {@link IndexOutOfBoundsException}.
 */
final class TiffDirectory {
    static final int WIDTH = 256;
    static final int HEIGHT = 257;
    static final int STRIP_OFFSETS = 273;
    static final int ORIENTATION = 274;
    static final int SAMPLES_PER_PIXEL = 277;
    static final int STRIP_BYTES = 279;
    static final int TILE_WIDTH = 322;
    static final int TILE_HEIGHT = 323;
    static final int TILE_OFFSETS = 324;
    static final int TILE_BYTES = 325;
    static final int EXTRA_SAMPLES = 338;

    private static final int SHORT = 3;
    private static final int LONG = 4;
    private static final int ENTRY_BYTES = 12;
    /** Values of EXTRA_SAMPLES: alpha that is multiplied into the colors, and alpha that is not. */
    private static final int MULTIPLIED = 1;

    private static final int ALPHA = 2;

    private final ByteBuffer file;
    private final int at;
    private final int entries;
    private final Map<Integer, Integer> places = new HashMap<>();

    private TiffDirectory(ByteBuffer file, long at) {
        this.file = file;
        this.at = index(at);
        this.entries = unsignedShort(this.at);
        for (int i = entries - 1; i >= 0; i--) { // the first of two entries with one tag counts
            int place = this.at + 2 + ENTRY_BYTES * i;
            places.put(unsignedShort(place), place);
        }
    }

    /** Reads the first directory of a file. */
    static TiffDirectory first(ByteBuffer file) {
        ByteBuffer ordered =
                file.slice().order(file.get(file.position()) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        return new TiffDirectory(ordered, ordered.getInt(4) & 0xffffffffL);
    }

    /** Returns the offset of the next directory; 0 if this is the last one. */
    long nextOffset() {
        return unsigned(at + 2 + ENTRY_BYTES * entries);
    }

    TiffDirectory at(long offset) {
        return new TiffDirectory(file, offset);
    }

    /** Returns the value of a tag, the first if it has several; 0 if there is no such tag or it holds no whole number. */
    long value(int tag) {
        return count(tag) == 0 ? 0 : value(tag, 0);
    }

    /** Returns how many whole numbers a tag has. */
    long count(int tag) {
        Integer place = places.get(tag);
        if (place == null) {
            return 0;
        }
        int type = unsignedShort(place + 2);
        return type == SHORT || type == LONG ? unsigned(place + 4) : 0;
    }

    /** Returns one of the numbers of a tag that has more than {@code i}. They lie elsewhere if they take more than four bytes. */
    long value(int tag, int i) {
        int place = places.getOrDefault(tag, 0);
        int bytes = unsignedShort(place + 2) == SHORT ? 2 : 4;
        long first = bytes * count(tag) <= 4 ? place + 8L : unsigned(place + 8);
        int where = index(first + (long) bytes * i);
        return bytes == 2 ? unsignedShort(where) : unsigned(where);
    }

    /**
     * Declares a fourth channel that is alpha to be multiplied into the colors already. libtiff multiplies otherwise, which
     * makes transparent pixels black.
     *
     * @return the file with one other value in this directory; itself if it has no such channel
     */
    byte[] withColorsAsTheyAre(byte[] whole) {
        int place = places.getOrDefault(EXTRA_SAMPLES, 0);
        if (value(SAMPLES_PER_PIXEL) != 4
                || count(EXTRA_SAMPLES) != 1
                || value(EXTRA_SAMPLES) != ALPHA
                || unsignedShort(place + 2) != SHORT) {
            return whole;
        }
        byte[] changed = whole.clone();
        ByteBuffer.wrap(changed).order(file.order()).putShort(place + 8, (short) MULTIPLIED);
        return changed;
    }

    private int unsignedShort(int where) {
        return file.getShort(where) & 0xffff;
    }

    private long unsigned(int where) {
        return file.getInt(where) & 0xffffffffL;
    }

    private static int index(long offset) {
        if (offset > Integer.MAX_VALUE) {
            throw new IndexOutOfBoundsException();
        }
        return (int) offset;
    }
}
