package io.swav.benchmark;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.SwavJobSpec;
import io.swav.common.KeyedRandom;
import io.swav.data.Augmenter;
import io.swav.data.DeviceAugmenter;
import io.swav.data.FloatImage;
import io.swav.data.ImageCodec;
import io.swav.data.MultiCrop;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code swav bench crops}: measures images per CPU-second through decoding and multi-crop on one thread, for both
 * values of {@code data.augmentOn}.
 */
@Command(
        name = "crops",
        description = "Measures decoding and multi-crop: images per CPU-second on one thread.",
        mixinStandardHelpOptions = true)
public final class BenchCropsCommand implements Callable<Integer> {
    private static final int GROUP = 16;
    private static final SwavJobSpec.Augmentation SWAV = new SwavJobSpec.Augmentation(1.0, 0.8, 0.2, 0.5);

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the results to FILE as JSON.")
    private @Nullable Path json;

    @Option(names = "--seconds", description = "CPU-seconds to spend on each case (default: ${DEFAULT-VALUE}).")
    private double seconds = 5;

    /**
     * One measured case, in images per CPU-second.
     *
     * @param picture size of the image
     * @param host decoding and cropping by a worker
     * @param decoded decoding alone
     * @param handedOver decoding by a worker and handing over to the device: all that a worker does with augmentOn
     *     Device
     * @param device cropping by the thread that computes, with augmentOn Device; on a GPU, this only enqueues the work
     */
    public record CropsCase(
            String picture, String crops, double host, double decoded, double handedOver, double device) {}

    @Override
    public Integer call() throws IOException {
        TorchRuntime.setThreads(1);
        List<CropsCase> cases = List.of(measure(500, 375, 224, 6, 96), measure(32, 32, 32, 4, 20));
        for (CropsCase one : cases) {
            System.out.printf(
                    Locale.ROOT,
                    "%s JPEG, crops %s: %.1f images per CPU-second (decoding alone %.0f); augmentOn Device: %.0f for a"
                            + " worker, %.1f for the thread that computes (%s)%n",
                    one.picture,
                    one.crops,
                    one.host,
                    one.decoded,
                    one.handedOver,
                    one.device,
                    TorchRuntime.device());
        }
        if (json != null) {
            new ObjectMapper().writeValue(json.toFile(), Map.of("cases", cases));
        }
        return 0;
    }

    private CropsCase measure(int width, int height, int large, int smallCount, int small) {
        byte[] jpeg = ImageCodec.encode(waves(width, height), ".jpg");
        List<SwavJobSpec.CropSpec> specs = List.of(
                new SwavJobSpec.CropSpec(2, large, 0.14, 1.0), new SwavJobSpec.CropSpec(smallCount, small, 0.05, 0.14));
        MultiCrop crops = new MultiCrop(specs, SWAV);
        FloatImage image = new FloatImage();
        long[] sample = {0};
        double whole = rate(() -> {
            ImageCodec.decode(jpeg, image);
            crops.crop(image, 31, 0, sample[0]++, (resolution, index, crop) -> {});
        });
        double decoding = rate(() -> ImageCodec.decode(jpeg, image));
        String name = "2x" + large + "+" + smallCount + "x" + small;
        DeviceAugmenter augmenter = new DeviceAugmenter(specs, SWAV, GROUP, 31);
        double handedOver =
                GROUP * rate(() -> group(augmenter, jpeg, sample[0]++).close());
        try (NDManager root = TorchRuntime.root();
                Augmenter.Group group = group(augmenter, jpeg, 0)) {
            double device = GROUP
                    * rate(() -> {
                        try (NDManager scope = root.newSubManager()) {
                            group.crops(scope);
                        }
                    });
            return new CropsCase(width + "x" + height, name, whole, decoding, handedOver, device);
        }
    }

    private static Augmenter.Group group(DeviceAugmenter augmenter, byte[] jpeg, long epoch) {
        Augmenter.Group group = augmenter.begin();
        for (int row = 0; row < GROUP; row++) {
            group.add(row, ImageCodec.decode(jpeg).orElseThrow(), epoch, row);
        }
        return group;
    }

    /** Runs per CPU-second of this thread, after a warm-up of the same length. */
    private double rate(Runnable one) {
        List<Double> rates = new ArrayList<>();
        for (int round = 0; round < 2; round++) {
            long start = cpuNanos();
            long done = 0;
            while (cpuNanos() - start < seconds * 1e9 || done == 0) {
                one.run();
                done++;
            }
            rates.add(done * 1e9 / (cpuNanos() - start));
        }
        return rates.get(1);
    }

    private static long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /** Smooth color waves with some noise, which compress like a photograph. */
    private static FloatImage waves(int width, int height) {
        KeyedRandom random = KeyedRandom.of(0);
        FloatImage image = new FloatImage();
        image.resize(width, height);
        for (int c = 0; c < 3; c++) {
            for (int i = 0; i < image.pixels(); i++) {
                double x = 6.0 * (i % width) / width;
                int row = i / width;
                double y = 5.0 * row / height;
                double level = 128 + 80 * Math.sin(x * 3 + y * 2 + c) + 12 * random.gaussian();
                image.planes[c][i] = (float) Math.max(0, Math.min(255, level));
            }
        }
        return image;
    }
}
