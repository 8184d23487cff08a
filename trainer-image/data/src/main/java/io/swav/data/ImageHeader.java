package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Reads the size of an image from its header. OpenCV would read the header too, but gives it away only with all pixels. */
final class ImageHeader {
    /** Four are cyan, magenta, yellow and black, or color and alpha. */
    private static final int MAX_CHANNELS = 4;

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

    /** Returns the size that the header states; empty if it states none, or is cut off. */
    static Optional<Size> read(ImageFormat format, byte[] encoded) {
        try {
            return Optional.ofNullable(size(format, encoded)).filter(Size::valid);
        } catch (IndexOutOfBoundsException e) {
            return Optional.empty();
        }
    }

    private static @Nullable Size size(ImageFormat format, byte[] encoded) {
        ByteBuffer bytes = ByteBuffer.wrap(encoded);
        ByteBuffer little = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        return switch (format) {
            case JPEG -> jpeg(new JpegSegments(encoded));
            case PNG -> new Size(unsigned(bytes, 16), unsigned(bytes, 20)); // IHDR is the first chunk
            case BMP -> bmp(little);
            case WEBP -> webp(little);
            case GIF -> gif(GifFrame.first(encoded));
            case TIFF -> tiff(TiffDirectory.first(bytes));
            case JPEG_2000 -> jpeg2000(new Jpeg2000(bytes));
            case PPM -> ppm(PpmHeader.read(bytes));
        };
    }

    private static long unsigned(ByteBuffer bytes, int at) {
        return bytes.getInt(at) & 0xffffffffL;
    }

    private static int unsignedShort(ByteBuffer bytes, int at) {
        return bytes.getShort(at) & 0xffff;
    }

    /** Walks the segments to the frame header. */
    private static @Nullable Size jpeg(JpegSegments segments) {
        for (int at = segments.first(); ; at = segments.next(at)) {
            int marker = segments.marker(at);
            if (segments.isFrame(at)) {
                int content = segments.content(at);
                return new Size(segments.unsignedShort(content + 3), segments.unsignedShort(content + 1));
            } else if (marker == JpegSegments.END || marker == JpegSegments.SCAN) {
                return null; // pixels without a frame
            }
        }
    }

    /** The older header has 16-bit sizes; a negative height means that the first row is the top one. */
    static Size bmp(ByteBuffer bytes) {
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

    private static Size gif(GifFrame frame) {
        return new Size(frame.width(), frame.height());
    }

    /** A tile may be larger than the image, and is decoded whole. From orientation 5 on, rows are shown as columns. */
    private static Size tiff(TiffDirectory directory) {
        long width = directory.value(TiffDirectory.WIDTH);
        long height = directory.value(TiffDirectory.HEIGHT);
        Size image = directory.value(TiffDirectory.ORIENTATION) < 5 ? new Size(width, height) : new Size(height, width);
        Size tile = new Size(directory.value(TiffDirectory.TILE_WIDTH), directory.value(TiffDirectory.TILE_HEIGHT));
        return image.valid() && tile.pixels() > image.pixels() ? tile : image;
    }

    private static @Nullable Size jpeg2000(Jpeg2000 image) {
        return image.channels() <= MAX_CHANNELS ? new Size(image.width(), image.height()) : null;
    }

    private static Size ppm(PpmHeader header) {
        return new Size(header.width(), header.height());
    }
}
