package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.DataSpec.ExifOrientation;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Compares decoded images with what Pillow shows of them. {@code src/test/resources/images/make.py} wrote both: NAME and
 * NAME.ppm.
 */
class ImageFormatsTest {
    private static final Path FOLDER = Path.of("src/test/resources/images");
    private static final String EXPECTED = ".ppm";
    private static final String UPRIGHT = ".upright.ppm";

    /**
     * OpenCV rounds where Pillow cuts off (16-bit TIFF), or the other way round (CMYK), and leaves the low three bits of a
     * BMP with five bits a level empty.
     */
    private static int tolerance(String name) {
        return switch (name) {
            case "rgb565.bmp" -> 7;
            case "cmyk-adobe.jpg", "ycck-adobe.jpg", "cmyk-plain.jpg" -> 2;
            case "rgb16.tif", "rgb16-big-endian.tif", "cmyk.tif" -> 1;
            default -> 0;
        };
    }

    static List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> Files.exists(FOLDER.resolve(name + EXPECTED)))
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void showsWhatPillowShows(String name) throws IOException {
        assertShows(decode(read(name)), read(name + EXPECTED), tolerance(name));
    }

    @ParameterizedTest
    @MethodSource("names")
    void theContentDecidesAndNotTheName(String name) throws IOException {
        ImageFormat format = ImageFormat.of(read(name)).orElseThrow();
        assertThat(ImageFormat.of(Arrays.copyOf(read(name), ImageFormat.HEAD_BYTES)))
                .contains(format);
        ImageHeader.Size size = ImageHeader.read(format, read(name)).orElseThrow();
        ImageCodec.Bgr image = decode(read(name));
        assertThat(size).isEqualTo(new ImageHeader.Size(image.width(), image.height()));
        assertThat(ImageFormat.hasImageName(name)).isTrue();
    }

    static List<String> turned() throws IOException {
        return names().stream()
                .filter(name -> Files.exists(FOLDER.resolve(name + UPRIGHT)))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("turned")
    void turnsImagesAsTheirExifOrientationSaysIfThatIsWanted(String name) throws IOException {
        ImageCodec.Bgr upright = ImageCodec.decode(read(name), ImageLimits.standard(), ExifOrientation.Apply);
        assertShows(upright, read(name + UPRIGHT), tolerance(name));
        assertShows(
                ImageCodec.decode(read(name), ImageLimits.standard(), ExifOrientation.Ignore),
                read(name + EXPECTED),
                0);
    }

    /** A part of a file is refused, or it has all pixels: only what comes after them may be missing. */
    @ParameterizedTest
    @MethodSource("names")
    void noPartOfAFileIsTakenForTheWhole(String name) throws IOException {
        byte[] whole = read(name);
        byte[] pixels = decode(whole).bytes().array();
        // the digits of the last number may be cut without a trace
        int last = name.startsWith("digits.") ? whole.length - 4 : whole.length - 1;
        for (int length = 0; length <= last; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            try {
                ImageCodec.Bgr image = ImageCodec.decode(part, ImageLimits.standard());
                assertThat(image.bytes().array())
                        .as("%d of %d bytes", length, whole.length)
                        .isEqualTo(pixels);
            } catch (BadImageException e) {
                assertThat(e.getMessage()).isNotBlank();
            }
        }
        for (int part : new int[] {whole.length / 4, whole.length / 2, whole.length * 9 / 10}) {
            assertThatThrownBy(() -> ImageCodec.decode(Arrays.copyOf(whole, part), ImageLimits.standard()))
                    .isInstanceOf(BadImageException.class);
        }
    }

    /** The thumbnail in the EXIF block of a photograph is a whole JPEG with an end marker. */
    @ParameterizedTest
    @ValueSource(strings = {"sampling-420.jpg", "progressive.jpg"})
    void theEndOfAThumbnailIsNotTheEndOfTheImage(String name) throws IOException {
        byte[] image = read(name);
        byte[] whole =
                withSegment(image, 0xe1, concat("Exif\0\0".getBytes(StandardCharsets.US_ASCII), read("gray.jpg")));
        assertShows(decode(whole), read(name + EXPECTED), 0);
        for (int length = 0; length < whole.length; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> ImageCodec.decode(part, ImageLimits.standard()))
                    .as("%d of %d bytes", length, whole.length)
                    .isInstanceOf(BadImageException.class);
        }
    }

    @Test
    void bytesAfterTheEndDoNotMatter() throws IOException {
        byte[] image = concat(read("sampling-420.jpg"), new byte[] {0, 0, (byte) 0xff, (byte) 0xd8, 1, 2, 3});
        assertShows(decode(image), read("sampling-420.jpg" + EXPECTED), 0);
    }

    @Test
    void namesATruncatedImage() throws IOException {
        byte[] half = Arrays.copyOf(read("rgb.png"), read("rgb.png").length / 2);
        assertThatThrownBy(() -> decode(half)).hasMessage("it is a PNG without an end: it is truncated");
    }

    @Test
    void anExifBlockThatIsNoneTurnsNothing() throws IOException {
        for (byte[] block : new byte[][] {
            {},
            {'E'},
            "Exif\0\0".getBytes(StandardCharsets.US_ASCII),
            "Exif\0\0II*\0\377\377\377\377".getBytes(StandardCharsets.ISO_8859_1)
        }) {
            byte[] image = withSegment(read("sampling-420.jpg"), 0xe1, block);
            assertShows(
                    ImageCodec.decode(image, ImageLimits.standard(), ExifOrientation.Apply),
                    read("sampling-420.jpg" + EXPECTED),
                    0);
        }
    }

    @Test
    void otherFilesAreNoImages() {
        for (String text :
                Set.of("BM is how this text begins, and no bitmap", "P4L", "RIFF....WAVEfmt ", "II*", "GIF88a")) {
            assertThat(ImageFormat.of(text.getBytes(StandardCharsets.ISO_8859_1)))
                    .as(text)
                    .isEmpty();
        }
    }

    private static ImageCodec.Bgr decode(byte[] encoded) throws BadImageException {
        return ImageCodec.decode(encoded, ImageLimits.standard());
    }

    private static byte[] read(String name) throws IOException {
        return Files.readAllBytes(FOLDER.resolve(name));
    }

    private static byte[] withSegment(byte[] jpeg, int marker, byte[] content) {
        byte[] head = {(byte) 0xff, (byte) marker, (byte) ((content.length + 2) >> 8), (byte) (content.length + 2)};
        return concat(Arrays.copyOf(jpeg, 2), head, content, Arrays.copyOfRange(jpeg, 2, jpeg.length));
    }

    private static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static void assertShows(ImageCodec.Bgr image, byte[] ppm, int tolerance) {
        PpmHeader header = PpmHeader.read(ByteBuffer.wrap(ppm));
        assertThat(image.width()).isEqualTo((int) header.width());
        assertThat(image.height()).isEqualTo((int) header.height());
        byte[] bgr = image.bytes().array();
        int worst = 0;
        for (int i = 0; i < bgr.length; i++) {
            int expected = ppm[header.pixelsAt() + i - i % 3 + 2 - i % 3] & 0xff;
            worst = Math.max(worst, Math.abs((bgr[i] & 0xff) - expected));
        }
        assertThat(worst).as("largest difference in levels").isLessThanOrEqualTo(tolerance);
    }
}
