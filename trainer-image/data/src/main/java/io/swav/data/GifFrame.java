package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The first frame of a GIF file on its canvas (CompuServe's GIF89a specification). Transparency shows the colors of the
 * table as they are, and what the frame leaves free of the canvas has the transparent color or else the first one, as in
 * Pillow. Reading past the end throws {@link IndexOutOfBoundsException}.
 */
final class GifFrame {
    private static final int SCREEN_FLAGS = 10;
    private static final int FIRST_BLOCK = 13;
    private static final int EXTENSION = 0x21;
    private static final int FRAME = 0x2c;
    private static final int END = 0x3b;
    private static final int GRAPHIC_CONTROL = 0xf9;
    private static final int HAS_TABLE = 0x80;
    private static final int INTERLACED = 0x40;
    private static final int TRANSPARENT = 1;
    private static final int MAX_CODES = 1 << 12;
    private static final int MAX_BITS = 12;
    private static final int MAX_PIXEL_BITS = 8;
    /** First row and distance of rows of the four passes of an interlaced frame. */
    private static final int[][] PASSES = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};

    private final ByteBuffer bytes;
    private final int frame;
    private final int transparent;

    private GifFrame(ByteBuffer bytes, int frame, int transparent) {
        this.bytes = bytes;
        this.frame = frame;
        this.transparent = transparent;
    }

    /** Finds the first frame; throws {@link IndexOutOfBoundsException} if there is none. */
    static GifFrame first(byte[] encoded) {
        ByteBuffer bytes = ByteBuffer.wrap(encoded).order(ByteOrder.LITTLE_ENDIAN);
        int at = FIRST_BLOCK + tableBytes(bytes, SCREEN_FLAGS);
        int transparent = 0;
        while (unsigned(bytes, at) != FRAME) {
            if (unsigned(bytes, at) != EXTENSION) {
                at++; // padding between blocks, which decoders pass over
                continue;
            }
            if (unsigned(bytes, at + 1) == GRAPHIC_CONTROL && (unsigned(bytes, at + 3) & TRANSPARENT) != 0) {
                transparent = unsigned(bytes, at + 6);
            }
            at = afterBlocks(bytes, at + 2);
        }
        return new GifFrame(bytes, at, transparent);
    }

    /** Whether the file has an end after all its frames, although only the first is read. */
    static boolean isComplete(byte[] encoded) {
        GifFrame first = first(encoded);
        int at = first.frame;
        while (unsigned(first.bytes, at) != END) {
            at = switch (unsigned(first.bytes, at)) {
                case EXTENSION -> afterBlocks(first.bytes, at + 2);
                case FRAME -> afterBlocks(first.bytes, at + 11 + tableBytes(first.bytes, at + 9));
                default -> at + 1;
            };
        }
        return true;
    }

    /** The canvas holds the frame, whatever size the file states for it. */
    int width() {
        return Math.max(unsignedShort(6), unsignedShort(frame + 1) + unsignedShort(frame + 5));
    }

    int height() {
        return Math.max(unsignedShort(8), unsignedShort(frame + 3) + unsignedShort(frame + 7));
    }

    /**
     * Decodes the frame.
     *
     * @throws BadImageException if its data ends early or is none
     */
    ImageCodec.Bgr decode() throws BadImageException {
        int frameWidth = unsignedShort(frame + 5);
        int frameHeight = unsignedShort(frame + 7);
        byte[] indices = indices(frameWidth * frameHeight);
        byte[] canvas = new byte[width() * height()];
        Arrays.fill(canvas, (byte) transparent);
        int from = 0;
        boolean interlaced = (unsigned(bytes, frame + 9) & INTERLACED) != 0;
        for (int[] pass : interlaced ? PASSES : new int[][] {{0, 1}}) {
            for (int y = pass[0]; y < frameHeight; y += pass[1]) {
                int to = (unsignedShort(frame + 3) + y) * width() + unsignedShort(frame + 1);
                System.arraycopy(indices, from, canvas, to, frameWidth);
                from += frameWidth;
            }
        }
        byte[] colors = colors();
        byte[] bgr = new byte[Math.multiplyExact(3, canvas.length)];
        for (int i = 0; i < canvas.length; i++) {
            System.arraycopy(colors, 3 * (canvas[i] & 0xff), bgr, 3 * i, 3);
        }
        return new ImageCodec.Bgr(ByteBuffer.wrap(bgr), width(), height());
    }

    /** Returns blue, green and red of 256 colors: those of the frame's table or else of the file's, gray where it has none. */
    private byte[] colors() {
        byte[] colors = new byte[3 * 256];
        for (int i = 0; i < colors.length; i++) {
            colors[i] = (byte) (i / 3);
        }
        boolean own = tableBytes(bytes, frame + 9) > 0;
        int table = own ? frame + 10 : FIRST_BLOCK;
        for (int i = 0; i < tableBytes(bytes, own ? frame + 9 : SCREEN_FLAGS); i++) {
            colors[i - i % 3 + 2 - i % 3] = bytes.get(table + i);
        }
        return colors;
    }

    /**
     * Decompresses the pixels (LZW with codes of growing length): a code stands for a pixel, or for the pixels of an earlier
     * code and one more.
     */
    private byte[] indices(int pixels) throws BadImageException {
        int data = frame + 10 + tableBytes(bytes, frame + 9);
        int pixelBits = unsigned(bytes, data);
        if (pixelBits > MAX_PIXEL_BITS) {
            throw new BadImageException("the data of its first frame is damaged");
        }
        BitReader codes = new BitReader(data + 1);
        int clear = 1 << pixelBits;
        int[] prefix = new int[MAX_CODES];
        byte[] first = new byte[MAX_CODES];
        byte[] last = new byte[MAX_CODES];
        int[] length = new int[MAX_CODES];
        for (int pixel = 0; pixel < clear; pixel++) {
            first[pixel] = (byte) pixel;
            last[pixel] = (byte) pixel;
            length[pixel] = 1;
        }
        byte[] out = new byte[pixels];
        int done = 0;
        int bits = pixelBits + 1;
        int next = clear + 2;
        int before = clear;
        while (done < pixels) {
            int code = codes.read(bits);
            if (code == clear) {
                bits = pixelBits + 1;
                next = clear + 2;
                before = clear;
                continue;
            }
            boolean growing = before != clear && next < MAX_CODES;
            if (code == clear + 1 || code > next || (code == next && !growing) || (code > clear && before == clear)) {
                throw new BadImageException("the data of its first frame ends early or is damaged");
            }
            if (growing) {
                prefix[next] = before;
                first[next] = first[before];
                last[next] = first[code == next ? before : code];
                length[next] = length[before] + 1;
                next++;
                if (next == 1 << bits && bits < MAX_BITS) {
                    bits++;
                }
            }
            int end = done + length[code];
            for (int i = end - 1, at = code; i >= done; i--, at = prefix[at]) {
                if (i < pixels) {
                    out[i] = last[at];
                }
            }
            done = end;
            before = code;
        }
        return out;
    }

    /** Reads codes from blocks, each with its length in front; the lowest bit comes first. */
    private final class BitReader {
        private int at;
        private int left;
        private int held;
        private int bits;

        BitReader(int at) {
            this.at = at;
        }

        int read(int count) throws BadImageException {
            while (bits < count) {
                if (left == 0) {
                    left = unsigned(bytes, at++);
                    if (left == 0) {
                        throw new BadImageException("the data of its first frame ends early");
                    }
                }
                held |= unsigned(bytes, at++) << bits;
                left--;
                bits += 8;
            }
            int code = held & ((1 << count) - 1);
            held >>>= count;
            bits -= count;
            return code;
        }
    }

    /** Returns the size of a color table, whose flags are at {@code flags}. */
    private static int tableBytes(ByteBuffer bytes, int flags) {
        int value = unsigned(bytes, flags);
        return (value & HAS_TABLE) == 0 ? 0 : 3 << ((value & 7) + 1);
    }

    /** Returns the position after a list of blocks, each with its length in front; an empty one is the last. */
    private static int afterBlocks(ByteBuffer bytes, int from) {
        int at = from;
        while (unsigned(bytes, at) != 0) {
            at += 1 + unsigned(bytes, at);
        }
        return at + 1;
    }

    private int unsignedShort(int at) {
        return bytes.getShort(at) & 0xffff;
    }

    private static int unsigned(ByteBuffer bytes, int at) {
        return bytes.get(at) & 0xff;
    }
}
