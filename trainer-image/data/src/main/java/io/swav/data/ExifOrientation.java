package io.swav.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a camera was held, from the EXIF block of an image: the number 1 to 8 of TIFF's tag 274. JPEG, PNG and WebP have
 * such a block; in a TIFF file the tag belongs to the image itself, and its decoder obeys it.
 */
final class ExifOrientation {
    private static final int UPRIGHT = 1;
    private static final int LAST = 8;
    /** From here on, rows and columns change places. */
    private static final int FIRST_TRANSPOSED = 5;

    private static final byte[] JPEG_BLOCK = {'E', 'x', 'i', 'f', 0, 0};
    private static final int PNG_FIRST_CHUNK = 8;
    private static final int PNG_BLOCK = 0x65584966; // eXIf
    private static final int PNG_PIXELS = 0x49444154; // IDAT
    private static final int WEBP_FIRST_CHUNK = 12;
    private static final int WEBP_BLOCK = 0x46495845; // EXIF, little-endian

    private ExifOrientation() {}

    /** Returns the orientation; 1, upright, if the image states none or one that does not exist. */
    static int of(ImageFormat format, byte[] encoded) {
        try {
            return Optional.ofNullable(block(format, encoded))
                    .map(block -> (int) TiffDirectory.first(block).value(TiffDirectory.ORIENTATION))
                    .filter(orientation -> orientation >= UPRIGHT && orientation <= LAST)
                    .orElse(UPRIGHT);
        } catch (IndexOutOfBoundsException e) {
            return UPRIGHT; // the block ends early, which damages no pixel
        }
    }

    private static @Nullable ByteBuffer block(ImageFormat format, byte[] encoded) {
        ByteBuffer bytes = ByteBuffer.wrap(encoded);
        return switch (format) {
            case JPEG -> jpeg(new JpegSegments(encoded), bytes);
            case PNG -> png(bytes);
            case WEBP -> webp(bytes.order(ByteOrder.LITTLE_ENDIAN));
            default -> null;
        };
    }

    private static @Nullable ByteBuffer jpeg(JpegSegments segments, ByteBuffer bytes) {
        for (int at = segments.first(); ; at = segments.next(at)) {
            int marker = segments.marker(at);
            int from = segments.content(at);
            if (marker == JpegSegments.SCAN || marker == JpegSegments.END) {
                return null;
            } else if (marker == JpegSegments.APP1 && segments.length(at) > JPEG_BLOCK.length && begins(bytes, from)) {
                return bytes.slice(from + JPEG_BLOCK.length, segments.length(at) - JPEG_BLOCK.length);
            }
        }
    }

    private static boolean begins(ByteBuffer bytes, int from) {
        byte[] head = new byte[JPEG_BLOCK.length];
        bytes.get(from, head);
        return Arrays.equals(head, JPEG_BLOCK);
    }

    private static @Nullable ByteBuffer png(ByteBuffer bytes) {
        long at = PNG_FIRST_CHUNK;
        while (at + 8 <= bytes.limit() && bytes.getInt((int) at + 4) != PNG_PIXELS) {
            int length = bytes.getInt((int) at);
            if (bytes.getInt((int) at + 4) == PNG_BLOCK) {
                return bytes.slice((int) at + 8, length);
            }
            at += 12 + (length & 0xffffffffL);
        }
        return null;
    }

    /** The block comes after the pixels. */
    private static @Nullable ByteBuffer webp(ByteBuffer bytes) {
        long at = WEBP_FIRST_CHUNK;
        while (at + 8 <= bytes.limit()) {
            int length = bytes.getInt((int) at + 4);
            if (bytes.getInt((int) at) == WEBP_BLOCK) {
                return bytes.slice((int) at + 8, length);
            }
            at += 8 + (length & 0xffffffffL) + (length & 1);
        }
        return null;
    }

    /** Turns an image so that it is upright. */
    static ImageCodec.Bgr upright(ImageCodec.Bgr image, int orientation) {
        if (orientation == UPRIGHT) {
            return image;
        }
        int width = image.width();
        int height = image.height();
        boolean transposed = orientation >= FIRST_TRANSPOSED;
        boolean fromRight = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
        boolean fromBottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
        int columnStep = (fromRight ? -1 : 1) * 3;
        int rowStep = (fromBottom ? -1 : 1) * 3 * width;
        int origin = (fromRight ? 3 * (width - 1) : 0) + (fromBottom ? 3 * width * (height - 1) : 0);
        int newWidth = transposed ? height : width;
        int newHeight = transposed ? width : height;
        byte[] from = image.bytes().array();
        byte[] to = new byte[from.length];
        for (int y = 0, at = 0; y < newHeight; y++) {
            int source = origin + y * (transposed ? columnStep : rowStep);
            for (int x = 0; x < newWidth; x++, at += 3) {
                to[at] = from[source];
                to[at + 1] = from[source + 1];
                to[at + 2] = from[source + 2];
                source += transposed ? rowStep : columnStep;
            }
        }
        return new ImageCodec.Bgr(ByteBuffer.wrap(to), newWidth, newHeight);
    }
}
