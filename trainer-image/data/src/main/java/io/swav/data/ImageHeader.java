package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads the size of an image from its header: JPEG, PNG, BMP, WebP, PPM and TIFF, recognized by their first bytes as
 * OpenCV does it. OpenCV would read the header too, but gives it away only with all pixels.
 */
final class ImageHeader {
    private static final int TIFF_WIDTH = 256;
    private static final int TIFF_HEIGHT = 257;
    private static final int TIFF_TILE_WIDTH = 322;
    private static final int TIFF_TILE_HEIGHT = 323;
    private static final int TIFF_SHORT = 3;
    private static final int TIFF_ENTRY = 12;

    private ImageHeader() {}

    /** Width and height in pixels; at least 1, and at most 2^32. */
    record Size(long width, long height) {
        /** Returns the number of pixels; the largest long if that is not enough. */
        long pixels() {
            long high = Math.multiplyHigh(width, height);
            long low = width * height;
            return high != 0 || low < 0 ? Long.MAX_VALUE : low;
        }

        boolean valid() {
            return width > 0 && height > 0;
        }

        @Override
        public String toString() {
            return width + " x " + height + " pixels";
        }
    }

    /** Returns the size that the header states; empty if this is not the header of one of these formats. */
    static Optional<Size> read(byte[] encoded) {
        try {
            return Optional.ofNullable(size(ByteBuffer.wrap(encoded))).filter(Size::valid);
        } catch (IndexOutOfBoundsException e) {
            return Optional.empty(); // the header is cut off
        }
    }

    private static @Nullable Size size(ByteBuffer bytes) {
        return switch (bytes.getShort(0) & 0xffff) {
            case 0xffd8 -> jpeg(bytes);
            case 0x8950 -> new Size(unsigned(bytes, 16), unsigned(bytes, 20)); // IHDR is the first chunk
            case 0x424d -> bmp(bytes.order(ByteOrder.LITTLE_ENDIAN));
            case 0x5249 -> webp(bytes.order(ByteOrder.LITTLE_ENDIAN));
            case 0x4949 -> tiff(bytes.order(ByteOrder.LITTLE_ENDIAN));
            case 0x4d4d -> tiff(bytes);
            default -> bytes.get(0) == 'P' && bytes.get(1) >= '1' && bytes.get(1) <= '6' ? ppm(bytes) : null;
        };
    }

    private static long unsigned(ByteBuffer bytes, int at) {
        return bytes.getInt(at) & 0xffffffffL;
    }

    private static int unsignedShort(ByteBuffer bytes, int at) {
        return bytes.getShort(at) & 0xffff;
    }

    /** Walks the segments to the frame header, SOF0 to SOF15 without the three other markers in that range. */
    private static @Nullable Size jpeg(ByteBuffer bytes) {
        int at = 2;
        while (true) {
            int marker = bytes.get(at + 1) & 0xff;
            if (bytes.get(at) != (byte) 0xff) {
                at++; // libjpeg skips what is not a marker
            } else if (marker == 0xff) {
                at++; // padding
            } else if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
                at += 2; // no length follows
            } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
                return new Size(unsignedShort(bytes, at + 7), unsignedShort(bytes, at + 5));
            } else if (marker == 0xd9 || marker == 0xda || marker == 0) {
                return null; // the end, or pixels without a frame
            } else {
                at += 2 + Math.max(2, unsignedShort(bytes, at + 2));
            }
        }
    }

    /** The older header has 16-bit sizes; a negative height means that the first row is the top one. */
    private static Size bmp(ByteBuffer bytes) {
        return bytes.getInt(14) == 12
                ? new Size(unsignedShort(bytes, 18), unsignedShort(bytes, 20))
                : new Size(bytes.getInt(18), Math.abs((long) bytes.getInt(22)));
    }

    private static @Nullable Size webp(ByteBuffer bytes) {
        return switch (text(bytes, 12, 4)) {
            case "VP8 " -> new Size(unsignedShort(bytes, 26) & 0x3fff, unsignedShort(bytes, 28) & 0x3fff);
            case "VP8L" -> {
                int packed = bytes.getInt(21);
                yield new Size((packed & 0x3fff) + 1, (packed >> 14 & 0x3fff) + 1);
            }
            case "VP8X" -> new Size((bytes.getInt(24) & 0xffffff) + 1L, (bytes.getInt(26) >>> 8) + 1L);
            default -> null;
        };
    }

    private static String text(ByteBuffer bytes, int at, int length) {
        byte[] text = new byte[length];
        bytes.get(at, text);
        return new String(text, StandardCharsets.US_ASCII);
    }

    /** Reads the first directory. A tile may be larger than the image, and is decoded whole. */
    private static @Nullable Size tiff(ByteBuffer bytes) {
        if (unsignedShort(bytes, 2) != 42) {
            return null; // BigTIFF holds images of more than 4 GB
        }
        long directory = unsigned(bytes, 4);
        if (directory > bytes.limit() - 2) {
            return null;
        }
        int entries = unsignedShort(bytes, (int) directory);
        Size image = new Size(0, 0);
        Size tile = new Size(0, 0);
        for (int i = 0; i < entries; i++) {
            int at = (int) directory + 2 + TIFF_ENTRY * i;
            long value =
                    unsignedShort(bytes, at + 2) == TIFF_SHORT ? unsignedShort(bytes, at + 8) : unsigned(bytes, at + 8);
            switch (unsignedShort(bytes, at)) {
                case TIFF_WIDTH -> image = new Size(value, image.height());
                case TIFF_HEIGHT -> image = new Size(image.width(), value);
                case TIFF_TILE_WIDTH -> tile = new Size(value, tile.height());
                case TIFF_TILE_HEIGHT -> tile = new Size(tile.width(), value);
                default -> {}
            }
        }
        return image.valid() && tile.pixels() > image.pixels() ? tile : image;
    }

    /** Reads two numbers in digits after {@code P1} to {@code P6}, with white space and comments between them. */
    private static Size ppm(ByteBuffer bytes) {
        long[] numbers = new long[2];
        int at = 2;
        for (int i = 0; i < numbers.length; i++) {
            while (!isDigit(bytes.get(at))) {
                at = bytes.get(at) == '#' ? endOfLine(bytes, at) : at + 1;
            }
            for (; isDigit(bytes.get(at)) && numbers[i] < 1L << 32; at++) {
                numbers[i] = 10 * numbers[i] + bytes.get(at) - '0';
            }
        }
        return new Size(numbers[0], numbers[1]);
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
