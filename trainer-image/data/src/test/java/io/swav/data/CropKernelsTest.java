package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Compares the kernels of augmentation, which are written so that they vectorize, bit for bit with plain ones that state
 * what they compute, one value after the other. The bits of crops are part of a job: they must not change.
 */
class CropKernelsTest {
    private static final long SEED = 31;

    @Test
    void resizesLikeThePlainResampler() {
        SplittableRandom random = new SplittableRandom(SEED);
        Resampler resampler = new Resampler();
        for (int round = 0; round < 400; round++) {
            FloatImage from = noise(random, 1 + random.nextInt(round % 10 == 0 ? 900 : 90), 1 + random.nextInt(90));
            int height = 1 + random.nextInt(from.height);
            int width = 1 + random.nextInt(from.width);
            CropBox box = new CropBox(
                    random.nextInt(from.height - height + 1), random.nextInt(from.width - width + 1), height, width);
            boolean flip = random.nextBoolean();
            int side = 1 + random.nextInt(70);
            FloatImage made = new FloatImage();
            FloatImage expected = new FloatImage();

            resampler.resize(from, box, flip, made, side, 1 + round % 40);
            Plain.resize(from, box, flip, expected, side, 1 + round % 40);

            assertSame("round " + round + ": " + box + " of " + from.width + " x " + from.height, made, expected);
        }
    }

    @Test
    void turnsTheHueOfAllColorsLikeThePlainOne() {
        FloatImage image = new FloatImage();
        image.resize(256, 256);
        for (float turn : new float[] {-0.5f, -0.2f, -0.0031f, 0, 0.11f, 0.2f, 0.5f}) {
            CropPlan.ColorStep change = new CropPlan.ColorStep(CropPlan.Color.HUE, turn);
            for (int red = 0; red < 256; red += turn == 0.11f ? 1 : 5) {
                for (int i = 0; i < image.pixels(); i++) {
                    image.planes[0][i] = red;
                    image.planes[1][i] = i & 0xff;
                    image.planes[2][i] = i >> 8;
                }
                assertSame(
                        change + " of red " + red,
                        image,
                        to -> ColorJitter.change(to, change),
                        to -> Plain.hue(to, turn));
            }
        }
    }

    @Test
    void changesColorsLikeThePlainOnes() {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int round = 0; round < 300; round++) {
            FloatImage image = noise(random, 1 + random.nextInt(90), 1 + random.nextInt(90));
            float factor = (float) (2.6 * random.nextDouble());
            for (CropPlan.Color color : Arrays.asList(CropPlan.Color.values()).subList(0, 3)) {
                CropPlan.ColorStep change = new CropPlan.ColorStep(color, factor);
                assertSame(
                        "round " + round + ": " + change,
                        image,
                        to -> ColorJitter.change(to, change),
                        to -> Plain.change(to, change));
            }
        }
    }

    /** Sums of levels stay exact however large the image is. */
    @Test
    void theContrastOfALargeImageIsExact() {
        FloatImage image = new FloatImage();
        image.resize(4400, 4000);
        for (float[] plane : image.planes) {
            Arrays.fill(plane, 255);
        }
        image.planes[0][0] = 1;
        CropPlan.ColorStep change = new CropPlan.ColorStep(CropPlan.Color.CONTRAST, 0.3f);
        assertSame("large", image, to -> ColorJitter.change(to, change), to -> Plain.change(to, change));
    }

    @Test
    void blursLikeThePlainOne() {
        SplittableRandom random = new SplittableRandom(SEED);
        Blur blur = new Blur();
        for (int round = 0; round < 300; round++) {
            FloatImage image = noise(random, 1 + random.nextInt(60), 1 + random.nextInt(60));
            double sigma = round < 250 ? 0.1 + 1.9 * random.nextDouble() : 2 + 5 * random.nextDouble();
            assertSame(
                    "round " + round + ": sigma " + sigma,
                    image,
                    to -> blur.apply(to, sigma),
                    to -> Plain.blur(to, Blur.box(sigma)));
        }
    }

    private static FloatImage noise(SplittableRandom random, int width, int height) {
        FloatImage image = new FloatImage();
        image.resize(width, height);
        for (float[] plane : image.planes) {
            for (int i = 0; i < image.pixels(); i++) {
                plane[i] = random.nextInt(3) == 0 ? random.nextInt(2) * 255 : random.nextInt(256);
            }
        }
        return image;
    }

    private static void assertSame(
            String what, FloatImage image, Consumer<FloatImage> made, Consumer<FloatImage> plain) {
        FloatImage actual = new FloatImage();
        actual.copyFrom(image);
        made.accept(actual);
        FloatImage expected = new FloatImage();
        expected.copyFrom(image);
        plain.accept(expected);
        assertSame(what, actual, expected);
    }

    private static void assertSame(String what, FloatImage actual, FloatImage expected) {
        for (int c = 0; c < 3; c++) {
            int at = Arrays.mismatch(
                    bits(actual.planes[c], actual.pixels()), bits(expected.planes[c], expected.pixels()));
            assertThat(at).as("%s, channel %d, first other value", what, c).isEqualTo(-1);
        }
    }

    private static int[] bits(float[] values, int count) {
        int[] bits = new int[count];
        for (int i = 0; i < count; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    /** The operations as their definitions. */
    private static final class Plain {
        private Plain() {}

        static void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height) {
            to.resize(width, height);
            for (int c = 0; c < 3; c++) {
                float[] rows = new float[box.width() * height];
                for (int y = 0; y < height; y++) {
                    for (int x = 0; x < box.width(); x++) {
                        int column = box.left() + x;
                        float[] plane = from.planes[c];
                        int stride = from.width;
                        rows[y * box.width() + x] =
                                mix(box.height(), height, y, i -> plane[(box.top() + i) * stride + column]);
                    }
                }
                for (int y = 0; y < height; y++) {
                    for (int x = 0; x < width; x++) {
                        int row = y * box.width();
                        to.planes[c][y * width + (flip ? width - 1 - x : x)] =
                                mix(box.width(), width, x, i -> rows[row + i]);
                    }
                }
            }
        }

        private interface Values {
            float at(int i);
        }

        private static float mix(int in, int out, int position, Values values) {
            double scale = (double) in / out;
            double support = Math.max(scale, 1);
            double center = (position + 0.5) * scale;
            int first = Math.max(0, (int) (center - support + 0.5));
            int end = Math.min(in, (int) (center + support + 0.5));
            double[] triangle = new double[end - first];
            for (int k = 0; k < triangle.length; k++) {
                triangle[k] = Math.max(0, 1 - Math.abs((k + first - center + 0.5) / support));
            }
            double all = Arrays.stream(triangle).sum();
            float sum = 0;
            for (int k = 0; k < triangle.length; k++) {
                sum += (float) (triangle[k] / all) * values.at(first + k);
            }
            return FloatImage.round(sum);
        }

        static void change(FloatImage image, CropPlan.ColorStep change) {
            float factor = change.factor();
            switch (change.color()) {
                case BRIGHTNESS -> blend(image, factor, 0);
                case CONTRAST -> {
                    double luma = 0.299f * sum(image, 0) + 0.587f * sum(image, 1) + 0.114f * sum(image, 2);
                    blend(image, factor, (1 - factor) * (float) Math.floor(luma / image.pixels() + 0.5));
                }
                case SATURATION -> {
                    for (int i = 0; i < image.pixels(); i++) {
                        float[][] p = image.planes;
                        float gray =
                                (1 - factor) * FloatImage.round(0.299f * p[0][i] + 0.587f * p[1][i] + 0.114f * p[2][i]);
                        for (int c = 0; c < 3; c++) {
                            p[c][i] = clip(p[c][i] * factor + gray);
                        }
                    }
                }
                default -> hue(image, factor);
            }
        }

        private static double sum(FloatImage image, int channel) {
            double sum = 0;
            for (int i = 0; i < image.pixels(); i++) {
                sum += image.planes[channel][i];
            }
            return sum;
        }

        private static void blend(FloatImage image, float factor, float offset) {
            for (float[] plane : image.planes) {
                for (int i = 0; i < image.pixels(); i++) {
                    plane[i] = clip(plane[i] * factor + offset);
                }
            }
        }

        private static float clip(float level) {
            return FloatImage.truncate(Math.min(255f, Math.max(0f, level)));
        }

        static void hue(FloatImage image, float turn) {
            for (int i = 0; i < image.pixels(); i++) {
                float red = image.planes[0][i];
                float green = image.planes[1][i];
                float blue = image.planes[2][i];
                float max = Math.max(red, Math.max(green, blue));
                float chroma = max - Math.min(red, Math.min(green, blue));
                if (chroma == 0) {
                    continue;
                }
                float sixths;
                if (max == red) {
                    sixths = (green - blue) / chroma;
                } else {
                    sixths = max == green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
                }
                int hue = (int) ((sixths < 0 ? sixths + 6 : sixths) * (255 / 6f));
                float turned = ((hue + ColorJitter.shift(turn)) & 0xff) * (6 / 255f);
                int saturation = (int) (255 * chroma / max);
                float coarse = saturation * max / 255;
                for (int c = 0; c < 3; c++) {
                    float k = turned + (5 - 2 * c);
                    float at = k >= 6 ? k - 6 : k;
                    float dip = Math.max(0f, Math.min(1f, Math.min(at, 4 - at)));
                    image.planes[c][i] = FloatImage.round(max - coarse * dip);
                }
            }
        }

        static void blur(FloatImage image, float[] box) {
            for (float[] plane : image.planes) {
                for (int pass = 0; pass < 2 * Blur.PASSES; pass++) {
                    boolean alongRows = pass < Blur.PASSES;
                    float[] before = Arrays.copyOf(plane, image.pixels());
                    for (int y = 0; y < image.height; y++) {
                        for (int x = 0; x < image.width; x++) {
                            float sum = box[0] * before[y * image.width + x];
                            for (int k = 1; k < box.length; k++) {
                                float left = alongRows ? at(before, image, x - k, y) : at(before, image, x, y - k);
                                float right = alongRows ? at(before, image, x + k, y) : at(before, image, x, y + k);
                                sum += box[k] * (left + right);
                            }
                            plane[y * image.width + x] = FloatImage.round(sum);
                        }
                    }
                }
            }
        }

        private static float at(float[] plane, FloatImage image, int x, int y) {
            int column = Math.max(0, Math.min(image.width - 1, x));
            int row = Math.max(0, Math.min(image.height - 1, y));
            return plane[row * image.width + column];
        }
    }
}
