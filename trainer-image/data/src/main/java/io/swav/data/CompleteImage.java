package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Checks that a file does not end before its image does, by its structure alone: markers, chunks and lengths. Decoders
 * are no help: some fill what is missing with gray or black and only warn. For the same reason an image whose end marker
 * is missing is refused although all its pixels may be there.
 */
final class CompleteImage {
    private static final int PNG_FIRST_CHUNK = 8;
    private static final int PNG_END = 0x49454e44; // IEND
    private static final int WEBP_FIRST_CHUNK = 12;
    private static final int BMP_RLE8 = 1;
    private static final int BMP_RLE4 = 2;
    private static final int BMP_JPEG = 4;
    private static final int BMP_PNG = 5;
    private static final int TIFF_MAX_DIRECTORIES = 1 << 16;

    private CompleteImage() {}

    /**
     * Requires that the file holds the whole image.
     *
     * @throws BadImageException if it is truncated
     */
    static void require(ImageFormat format, byte[] encoded) throws BadImageException {
        boolean complete;
        try {
            complete = isComplete(format, encoded);
        } catch (IndexOutOfBoundsException e) {
            complete = false;
        }
        if (!complete) {
            throw new BadImageException("it is a " + format + " without an end: it is truncated");
        }
    }

    private static boolean isComplete(ImageFormat format, byte[] encoded) {
        ByteBuffer bytes = ByteBuffer.wrap(encoded);
        ByteBuffer little = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        return switch (format) {
            case JPEG -> jpeg(new JpegSegments(encoded));
            case PNG -> png(bytes);
            case WEBP -> webp(little);
            case BMP -> bmp(little);
            case GIF -> GifFrame.isComplete(encoded);
            case TIFF -> tiff(bytes);
            case JPEG_2000 -> new Jpeg2000(bytes).isComplete();
            case PPM -> {
                PpmHeader header = PpmHeader.read(bytes);
                yield header.pixelsAt() + header.pixelBytes() <= encoded.length;
            }
        };
    }

    private static boolean jpeg(JpegSegments segments) {
        int at = segments.first();
        while (segments.marker(at) != JpegSegments.END) {
            at = segments.next(at);
        }
        return true;
    }

    /** Chunks are length, type, content and checksum. */
    private static boolean png(ByteBuffer bytes) {
        long at = PNG_FIRST_CHUNK;
        boolean end = false;
        while (!end) {
            end = bytes.getInt(index(at + 4)) == PNG_END;
            at += 12 + unsigned(bytes, index(at));
        }
        return at <= bytes.limit();
    }

    /** Chunks are type, length, content, and a byte if the length is odd, which may lack at the end. */
    private static boolean webp(ByteBuffer bytes) {
        long end = 8 + unsigned(bytes, 4);
        long at = WEBP_FIRST_CHUNK;
        while (at < end) {
            long length = unsigned(bytes, index(at + 4));
            if (at + 8 + length > bytes.limit()) {
                return false;
            }
            at += 8 + length + length % 2;
        }
        return true;
    }

    private static boolean bmp(ByteBuffer bytes) {
        long pixels = unsigned(bytes, 10);
        boolean old = bytes.getInt(14) == 12;
        ImageHeader.Size size = ImageHeader.bmp(bytes);
        long bits = unsignedShort(bytes, old ? 24 : 28);
        int compression = old ? 0 : bytes.getInt(30);
        long row = (size.width() * bits + 31) / 32 * 4;
        return switch (compression) {
            case BMP_RLE8, BMP_RLE4 -> runLengths(bytes, index(pixels), compression == BMP_RLE8 ? 1 : 2);
            case BMP_JPEG, BMP_PNG -> pixels + unsigned(bytes, 34) <= bytes.limit();
            default -> pixels + (double) row * size.height() <= bytes.limit();
        };
    }

    /**
     * Walks the runs of a BMP: a count and a value, or 0 and what it means: the end of a line or of the image, a step to
     * another place, or a number of single pixels, padded to an even number of bytes.
     */
    private static boolean runLengths(ByteBuffer bytes, int from, int pixelsPerByte) {
        int at = from;
        while (true) {
            int kind = unsignedByte(bytes, at + 1);
            if (bytes.get(at) != 0 || kind == 0) {
                at += 2;
            } else if (kind == 1) {
                return true;
            } else if (kind == 2) {
                at += 4;
            } else {
                int packed = (kind + pixelsPerByte - 1) / pixelsPerByte;
                at += 2 + packed + packed % 2;
            }
        }
    }

    /** The strips or tiles of all pages have to be there. */
    private static boolean tiff(ByteBuffer bytes) {
        TiffDirectory page = TiffDirectory.first(bytes);
        for (int pages = 1; pages <= TIFF_MAX_DIRECTORIES; pages++) {
            if (!holds(bytes, page, TiffDirectory.STRIP_OFFSETS, TiffDirectory.STRIP_BYTES)
                    || !holds(bytes, page, TiffDirectory.TILE_OFFSETS, TiffDirectory.TILE_BYTES)) {
                return false;
            }
            long next = page.nextOffset();
            if (next == 0) {
                return true;
            }
            page = page.at(next);
        }
        return false;
    }

    private static boolean holds(ByteBuffer bytes, TiffDirectory page, int offsets, int lengths) {
        for (int i = 0; i < page.count(offsets); i++) {
            long length = i < page.count(lengths) ? page.value(lengths, i) : 0;
            if (page.value(offsets, i) + length > bytes.limit()) {
                return false;
            }
        }
        return true;
    }

    private static int unsignedByte(ByteBuffer bytes, int at) {
        return bytes.get(at) & 0xff;
    }

    private static int unsignedShort(ByteBuffer bytes, int at) {
        return bytes.getShort(at) & 0xffff;
    }

    private static long unsigned(ByteBuffer bytes, int at) {
        return bytes.getInt(at) & 0xffffffffL;
    }

    /** A position beyond the largest array is beyond the end of any file that was read. */
    private static int index(long at) {
        return (int) Math.min(at, Integer.MAX_VALUE);
    }
}
