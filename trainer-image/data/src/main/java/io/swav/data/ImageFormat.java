package io.swav.data;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The formats of images that are read. The first bytes of a file decide which one it is, never its name. */
enum ImageFormat {
    JPEG("JPEG", "jpg jpeg jpe jfif"),
    PNG("PNG", "png"),
    WEBP("WebP", "webp"),
    BMP("BMP", "bmp dib"),
    TIFF("TIFF", "tif tiff"),
    GIF("GIF", "gif"),
    JPEG_2000("JPEG 2000", "jp2 j2k j2c jpc jpf jpx"),
    PPM("PPM", "ppm pgm pbm pnm");

    /** The number of bytes from which {@link #of} decides. */
    static final int HEAD_BYTES = 18;

    private static final byte[] PNG_HEAD = bytes(0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n');
    private static final byte[] JP2_HEAD = bytes(0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n');
    /** The sizes that the second header of a BMP may have, one for each version of the format. */
    private static final Set<Integer> BMP_HEADERS = Set.of(12, 40, 52, 56, 64, 108, 124);

    private static final Set<String> ENDINGS = Arrays.stream(values())
            .flatMap(format -> Stream.of(format.endings.split(" ", -1)))
            .collect(Collectors.toUnmodifiableSet());

    private final String title;
    private final String endings;

    ImageFormat(String title, String endings) {
        this.title = title;
        this.endings = endings;
    }

    /** The extension that names of such files end with most often, without a dot. */
    String ending() {
        int space = endings.indexOf(' ');
        return space < 0 ? endings : endings.substring(0, space);
    }

    /** Whether a file with this name should be an image. What it is, its content decides. */
    static boolean hasImageName(String fileName) {
        int dot = fileName.lastIndexOf('.');
        return dot >= 0 && ENDINGS.contains(fileName.substring(dot + 1).toLowerCase(Locale.ROOT));
    }

    /** All formats, for messages. */
    static String list() {
        return Arrays.stream(values()).map(ImageFormat::toString).collect(Collectors.joining(", "));
    }

    /**
     * Returns the format of a file.
     *
     * @param head at least its first {@link #HEAD_BYTES} bytes, or all if it has fewer
     * @return empty if it is in none of these formats
     */
    static Optional<ImageFormat> of(byte[] head) {
        return Arrays.stream(values()).filter(format -> format.begins(head)).findFirst();
    }

    private boolean begins(byte[] head) {
        return switch (this) {
            case JPEG -> begins(head, bytes(0xff, 0xd8, 0xff));
            case PNG -> begins(head, PNG_HEAD);
            case WEBP -> begins(head, bytes('R', 'I', 'F', 'F')) && hasAt(head, 8, bytes('W', 'E', 'B', 'P'));
            case BMP -> begins(head, bytes('B', 'M')) && head.length >= HEAD_BYTES && BMP_HEADERS.contains(bmp(head));
            case TIFF -> begins(head, bytes('I', 'I', 42, 0)) || begins(head, bytes('M', 'M', 0, 42));
            case GIF ->
                begins(head, bytes('G', 'I', 'F', '8', '7', 'a')) || begins(head, bytes('G', 'I', 'F', '8', '9', 'a'));
            case JPEG_2000 -> begins(head, JP2_HEAD) || begins(head, bytes(0xff, 0x4f, 0xff, 0x51));
            case PPM ->
                head.length > 2
                        && head[0] == 'P'
                        && head[1] >= '1'
                        && head[1] <= '6'
                        && Character.isWhitespace(head[2]);
        };
    }

    private static int bmp(byte[] head) {
        return (head[14] & 0xff) | (head[15] & 0xff) << 8 | (head[16] & 0xff) << 16 | (head[17] & 0xff) << 24;
    }

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }

    private static boolean begins(byte[] head, byte[] with) {
        return hasAt(head, 0, with);
    }

    private static boolean hasAt(byte[] head, int at, byte[] what) {
        return head.length >= at + what.length && Arrays.equals(head, at, at + what.length, what, 0, what.length);
    }

    @Override
    public String toString() {
        return title;
    }
}
