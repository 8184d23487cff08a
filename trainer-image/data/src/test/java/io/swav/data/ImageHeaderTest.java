package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.DataSpec;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares headers with OpenCV's own reading of whole images, and limits what a header may claim. */
@Timeout(3600)
class ImageHeaderTest {
    private static final int WIDTH = 61;
    private static final int HEIGHT = 34;
    /** The part of a file that is mutated; it contains the header of every format. */
    private static final int HEAD = 200;

    @ParameterizedTest
    @ValueSource(strings = {".jpg", ".png", ".bmp", ".webp", ".ppm", ".tif"})
    void statesTheSizeThatIsDecoded(String extension) throws BadImageException {
        byte[] encoded = encode(extension);

        assertThat(ImageHeader.read(ImageFormat.of(encoded).orElseThrow(), encoded))
                .contains(new ImageHeader.Size(WIDTH, HEIGHT));
        assertThat(ImageCodec.decode(encoded, ImageLimits.standard()).width()).isEqualTo(WIDTH);
    }

    @ParameterizedTest
    @ValueSource(strings = {".jpg", ".png", ".bmp", ".webp", ".ppm", ".tif"})
    void refusesAnImageByItsHeaderWithoutDecodingIt(String extension) {
        byte[] bomb = bomb(extension);
        int side = extension.equals(".webp") ? 16_383 : 50_000;

        assertThatThrownBy(() -> ImageCodec.decode(bomb, ImageLimits.standard()))
                .isInstanceOf(BadImageException.class)
                .hasMessage("its header says " + side + " x " + side + " pixels, more than data.maxPixels (67108864)");
    }

    /** A file of 3 KB that OpenCV decodes to 2.5 GB, as far as it gets. */
    private static byte[] bomb(String extension) {
        byte[] image = encode(extension);
        ByteBuffer little = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        switch (extension) {
            case ".jpg" -> {
                int frame = 2;
                while (!(image[frame] == (byte) 0xff && image[frame + 1] == (byte) 0xc0)) {
                    frame++;
                }
                ByteBuffer.wrap(image).putShort(frame + 5, (short) 50_000).putShort(frame + 7, (short) 50_000);
            }
            case ".png" -> ByteBuffer.wrap(image).putInt(16, 50_000).putInt(20, 50_000);
            case ".bmp" -> little.putInt(18, 50_000).putInt(22, -50_000);
            case ".webp" -> little.putInt(21, (little.getInt(21) & 0xf0000000) | (16_382 << 14) | 16_382);
            case ".ppm" -> {
                return "P6\n# a comment\n50000 50000\n255\n".getBytes(StandardCharsets.US_ASCII);
            }
            default -> { // entries of 12 bytes, with tags 256 and 257 for width and height
                int directory = little.getInt(4);
                for (int at = directory + 2; at < directory + 2 + 12 * little.getShort(directory); at += 12) {
                    int tag = little.getShort(at) & 0xffff;
                    if (tag == 256 || tag == 257) {
                        little.putShort(at + 2, (short) 4).putInt(at + 8, 50_000);
                    }
                }
            }
        }
        return image;
    }

    @Test
    void refusesAnImageThatNeedsMoreMemoryThanThereIs() {
        byte[] large = "P6 4000 2000 255\n".getBytes(StandardCharsets.US_ASCII);
        byte[] whole = Arrays.copyOf(large, large.length + 3 * 4000 * 2000);

        assertThatThrownBy(() -> ImageCodec.decode(whole, new ImageLimits(10_000_000, 100 << 20, () -> 1L << 40)))
                .isInstanceOf(BadImageException.class)
                .hasMessageContaining("4000 x 2000 pixels, which need 114 MB; the Java heap (-Xmx) has 100 MB");
        assertThatThrownBy(() -> ImageCodec.decode(whole, new ImageLimits(10_000_000, 1L << 40, () -> 50 << 20)))
                .isInstanceOf(BadImageException.class)
                .hasMessageContaining("the machine or container has 50 MB");
    }

    @Test
    void refusesOtherFormats() {
        for (String text : new String[] {"GIF88a", "", "P", "P7 1 1", "\u0089PNG", "RIFFxxxxAVI LIST"}) {
            byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
            assertThatThrownBy(() -> ImageCodec.decode(bytes, ImageLimits.standard()))
                    .as(text)
                    .isInstanceOf(BadImageException.class)
                    .hasMessageContaining(
                            "it does not begin like any of JPEG, PNG, WebP, BMP, TIFF, GIF, JPEG 2000, PPM");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {".jpg", ".png", ".bmp", ".webp", ".ppm", ".tif"})
    void mutatedHeadersAreDecodedWithinTheLimitsOrRefused(String extension) {
        byte[] whole = encode(extension);
        SplittableRandom random = new SplittableRandom(31);
        ImageLimits limits = new ImageLimits(1 << 20, 64 << 20, () -> 1L << 30);
        for (int round = 0; round < Fuzz.ROUNDS / 6 + 1; round++) {
            byte[] mutated = Fuzz.mutate(whole, HEAD, random);
            try {
                ImageCodec.Bgr image = ImageCodec.decode(mutated, limits);
                assertThat((long) image.width() * image.height())
                        .as("seed 31, round %d of %s", round, extension)
                        .isLessThanOrEqualTo(1 << 20);
            } catch (BadImageException e) {
                assertThat(e.getMessage())
                        .as("seed 31, round %d of %s", round, extension)
                        .isNotBlank();
            }
        }
    }

    private static byte[] encode(String extension) {
        FloatImage image = new FloatImage();
        image.resize(WIDTH, HEIGHT);
        SplittableRandom random = new SplittableRandom(7);
        for (float[] plane : image.planes) {
            for (int i = 0; i < image.pixels(); i++) {
                plane[i] = random.nextInt(256);
            }
        }
        return ImageCodec.encode(image, extension);
    }

    @Test
    void standardLimitIsTheDefaultOfTheField() {
        assertThat(ImageLimits.standard().maxPixels()).isEqualTo(DataSpec.MAX_PIXELS);
    }
}
