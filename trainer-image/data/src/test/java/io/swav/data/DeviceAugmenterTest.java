package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.api.CropSpec;
import io.swav.api.TrainingSpec;
import io.swav.torch.TorchRuntime;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compares the device's crops with the host's, on decoded images. */
class DeviceAugmenterTest {
    private static final List<CropSpec> CROPS =
            List.of(new CropSpec(2, 40, 0.14, 1.0), new CropSpec(3, 17, 0.05, 0.14));
    private static final long SEED = 31;

    private NDManager root;

    @BeforeEach
    void open() {
        root = TorchRuntime.root();
    }

    @AfterEach
    void close() {
        root.close();
    }

    /**
     * The device's resampling sums in another order, so it sometimes rounds to another level; later operations keep or
     * enlarge that difference.
     */
    @ParameterizedTest
    @CsvSource({
        "150, 1, 0, 0, 0, 1, 0.001",
        "150, 1, 0, 1, 0, 1, 0.001",
        "150, 1, 0, 0, 1, 1, 0.002",
        "40, 0.3, 1, 0, 0, 5, 0.002",
        "40, 0.3, 1, 1, 1, 5, 0.002",
        "150, 1, 1, 0, 0, 12, 0.002",
        "150, 1, 1, 1, 1, 12, 0.002",
        "150, 1, 0.8, 0.2, 0.5, 12, 0.002"
    })
    void cropsMatchTheHostsUpToRounding(
            double contrast, double strength, double jitter, double gray, double blur, double most, double onAverage)
            throws IOException {
        TrainingSpec.Augmentation augmentation = new TrainingSpec.Augmentation(strength, jitter, gray, blur);
        List<ImageCodec.Bgr> images = images(contrast);
        List<float[]> host = host(augmentation, images);
        List<float[]> device = device(augmentation, images);
        for (int r = 0; r < CROPS.size(); r++) {
            assertThat(device.get(r)).hasSameSizeAs(host.get(r));
            int plane = CROPS.get(r).size() * CROPS.get(r).size();
            double sum = 0;
            double max = 0;
            for (int i = 0; i < host.get(r).length; i++) {
                double levels = Math.abs(host.get(r)[i] - device.get(r)[i]) / MultiCrop.scale(i / plane % 3);
                max = Math.max(max, levels);
                sum += levels;
            }
            assertThat(max).as("levels, worst").isLessThan(most + 0.1);
            assertThat(sum / host.get(r).length).as("levels, on average").isLessThan(onAverage);
        }
    }

    /** Operations other than resizing give the same bits. */
    @Test
    void colorsAndBlurMatchTheHostsExactly() throws IOException {
        Operations host = new Operations.Host();
        Operations device = new Operations.Device(root);
        Random random = new Random(1);
        for (ImageCodec.Bgr image : images(150)) {
            for (int i = 0; i < 5; i++) {
                float turn = random.nextFloat() - 0.5f;
                for (CropPlan.Color color : CropPlan.Color.values()) {
                    float factor = color == CropPlan.Color.HUE ? turn : 2 * random.nextFloat();
                    CropPlan.ColorStep change = new CropPlan.ColorStep(color, factor);
                    assertSame(
                            image,
                            change.toString(),
                            target -> host.change(target, change),
                            r -> device.change(r, change));
                }
                double sigma = 0.1 + 1.9 * random.nextDouble();
                assertSame(
                        image,
                        "blur " + sigma,
                        target -> host.blur(target, sigma),
                        target -> device.blur(target, sigma));
            }
            assertSame(image, "gray", host::gray, device::gray);
            assertSame(image, "normalize", host::normalize, device::normalize);
        }
    }

    private interface Operation {
        void on(FloatImage target);
    }

    private static void assertSame(ImageCodec.Bgr image, String what, Operation host, Operation device) {
        FloatImage expected = new FloatImage();
        expected.load(image);
        host.on(expected);
        FloatImage made = new FloatImage();
        made.load(image);
        device.on(made);
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < made.pixels(); i++) {
                assertThat(made.planes[c][i])
                        .as("%s, channel %d, pixel %d", what, c, i)
                        .isEqualTo(expected.planes[c][i]);
            }
        }
    }

    @Test
    void copiesABoxAsLargeAsTheCrop() throws IOException {
        Operations device = new Operations.Device(root);
        for (ImageCodec.Bgr image : images(150)) {
            FloatImage from = new FloatImage();
            from.load(image);
            FloatImage to = new FloatImage();
            CropBox box = new CropBox(
                    from.height / 3, from.width / 2, from.height - from.height / 3, from.width - from.width / 2);
            for (boolean flip : new boolean[] {false, true}) {
                device.resize(from, box, flip, to, box.width(), box.height());
                for (int c = 0; c < 3; c++) {
                    for (int y = 0; y < box.height(); y++) {
                        for (int x = 0; x < box.width(); x++) {
                            int column = box.left() + (flip ? box.width() - 1 - x : x);
                            assertThat(to.planes[c][y * box.width() + x])
                                    .isEqualTo(from.planes[c][(box.top() + y) * from.width + column]);
                        }
                    }
                }
            }
        }
    }

    /** Threads add rows in any order; a second request gives the same crops. */
    @Test
    void rowOrderDoesNotChangeResults() throws IOException {
        TrainingSpec.Augmentation augmentation = new TrainingSpec.Augmentation(1.0, 0.8, 0.2, 0.5);
        List<ImageCodec.Bgr> images = images(150);
        List<float[]> first = device(augmentation, images);
        List<Integer> order = new ArrayList<>();
        for (int row = 0; row < images.size(); row++) {
            order.add(row);
        }
        Collections.shuffle(order, new Random(2));
        try (Augmenter.Group group = new DeviceAugmenter(CROPS, augmentation, images.size(), SEED).begin()) {
            order.forEach(row -> group.add(row, images.get(row), 0, row));
            for (int times = 0; times < 2; times++) {
                List<NDArray> crops = group.crops(root);
                for (int r = 0; r < CROPS.size(); r++) {
                    assertThat(crops.get(r).toFloatArray()).isEqualTo(first.get(r));
                }
            }
        }
    }

    private List<float[]> device(TrainingSpec.Augmentation augmentation, List<ImageCodec.Bgr> images) {
        List<float[]> crops = new ArrayList<>();
        try (Augmenter.Group group = new DeviceAugmenter(CROPS, augmentation, images.size(), SEED).begin()) {
            for (int row = 0; row < images.size(); row++) {
                group.add(row, images.get(row), 0, row);
            }
            group.crops(root).forEach(array -> crops.add(array.toFloatArray()));
        }
        return crops;
    }

    private static List<float[]> host(TrainingSpec.Augmentation augmentation, List<ImageCodec.Bgr> images) {
        List<float[]> crops = new ArrayList<>();
        for (CropSpec spec : CROPS) {
            crops.add(new float[3 * spec.count() * images.size() * spec.size() * spec.size()]);
        }
        MultiCrop maker = new MultiCrop(CROPS, augmentation);
        FloatImage image = new FloatImage();
        for (int row = 0; row < images.size(); row++) {
            int at = row;
            image.load(images.get(row));
            maker.crop(image, SEED, 0, row, (resolution, index, crop) -> {
                int from = 3 * crop.pixels() * (index * images.size() + at);
                for (int c = 0; c < 3; c++) {
                    System.arraycopy(crop.planes[c], 0, crops.get(resolution), from + c * crop.pixels(), crop.pixels());
                }
            });
        }
        return crops;
    }

    /** Images of many shapes, decoded from JPEG and PNG. */
    private static List<ImageCodec.Bgr> images(double contrast) throws IOException {
        int[][] sizes = {
            {16, 16}, {32, 32}, {97, 61}, {200, 1}, {1, 90}, {1, 1}, {7, 300}, {260, 190}, {40, 40}, {500, 30}
        };
        List<ImageCodec.Bgr> images = new ArrayList<>();
        for (int i = 0; i < sizes.length; i++) {
            boolean gray = i % 3 == 1;
            images.add(image(sizes[i][0], sizes[i][1], gray, i % 2 == 0 ? "jpg" : "png", i, contrast));
        }
        return images;
    }

    private static ImageCodec.Bgr image(int width, int height, boolean gray, String format, int seed, double contrast)
            throws IOException {
        BufferedImage image =
                new BufferedImage(width, height, gray ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_3BYTE_BGR);
        Random random = new Random(seed);
        for (int i = 0; i < width * height * image.getRaster().getNumBands(); i++) {
            int at = i / image.getRaster().getNumBands();
            double wave = 128
                    + contrast * Math.sin((at % width) / 9.0 + Math.floorDiv(at, width) / 7.0 + i % 3)
                    + 20 * random.nextGaussian();
            image.getRaster()
                    .setSample(at % width, at / width, i % image.getRaster().getNumBands(), (int)
                            Math.max(0, Math.min(255, wave)));
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        assertThat(ImageIO.write(image, format, bytes)).isTrue();
        return ImageCodec.decode(bytes.toByteArray()).orElseThrow();
    }
}
