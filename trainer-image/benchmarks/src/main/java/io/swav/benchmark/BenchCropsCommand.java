package io.swav.benchmark;

import ai.djl.ndarray.NDManager;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.CropSpec;
import io.swav.api.TrainingSpec;
import io.swav.common.KeyedRandom;
import io.swav.data.Augmenter;
import io.swav.data.CropPlan;
import io.swav.data.DeviceAugmenter;
import io.swav.data.FloatImage;
import io.swav.data.ImageCodec;
import io.swav.data.MultiCrop;
import io.swav.data.Operations;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
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
    private static final TrainingSpec.Augmentation SWAV = new TrainingSpec.Augmentation(1.0, 0.8, 0.2, 0.5);

    @Option(names = "--json", paramLabel = "FILE", description = "Also write the results to FILE as JSON.")
    private @Nullable Path json;

    @Option(
            names = "--jpeg",
            paramLabel = "FILE",
            description = "Measure this JPEG instead of a drawn one, with crops for its size.")
    private @Nullable Path jpeg;

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
     * @param parts of host, milliseconds of processor time an image
     */
    public record CropsCase(
            String picture,
            String crops,
            double host,
            double decoded,
            double handedOver,
            double device,
            Map<Part, Double> parts) {}

    /** What a worker does for an image, in this order. */
    public enum Part {
        DECODE,
        LOAD,
        RESIZE,
        COLOR,
        BLUR,
        NORMALIZE
    }

    @Override
    public Integer call() throws IOException {
        TorchRuntime.setThreads(1);
        List<CropsCase> cases = jpeg == null
                ? List.of(measure(drawn(500, 375), 224, 6, 96), measure(drawn(32, 32), 32, 4, 20))
                : List.of(measure(Files.readAllBytes(jpeg)));
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
            one.parts.forEach((part, milliseconds) -> System.out.printf(
                    Locale.ROOT, "  %-9s %.3f ms%n", part.name().toLowerCase(Locale.ROOT), milliseconds));
        }
        if (json != null) {
            new ObjectMapper().writeValue(json.toFile(), Map.of("cases", cases));
        }
        return 0;
    }

    private static byte[] drawn(int width, int height) {
        return ImageCodec.encode(waves(width, height), ".jpg");
    }

    private CropsCase measure(byte[] encoded) {
        boolean small = ImageCodec.decode(encoded).orElseThrow().width() < 96;
        return small ? measure(encoded, 32, 4, 20) : measure(encoded, 224, 6, 96);
    }

    private CropsCase measure(byte[] encoded, int large, int smallCount, int small) {
        List<CropSpec> specs = List.of(new CropSpec(2, large, 0.14, 1.0), new CropSpec(smallCount, small, 0.05, 0.14));
        Map<Part, Double> parts = parts(encoded, specs);
        MultiCrop crops = new MultiCrop(specs, SWAV);
        FloatImage image = new FloatImage();
        long[] sample = {0};
        double whole = rate(() -> {
            ImageCodec.decode(encoded, image);
            crops.crop(image, 31, 0, sample[0]++, (resolution, index, crop) -> {});
        });
        double decoding = rate(() -> ImageCodec.decode(encoded, image));
        String name = "2x" + large + "+" + smallCount + "x" + small;
        DeviceAugmenter augmenter = new DeviceAugmenter(specs, SWAV, GROUP, 31);
        double handedOver =
                GROUP * rate(() -> group(augmenter, encoded, sample[0]++).close());
        try (NDManager root = TorchRuntime.root();
                Augmenter.Group group = group(augmenter, encoded, 0)) {
            double device = GROUP
                    * rate(() -> {
                        try (NDManager scope = root.newSubManager()) {
                            group.crops(scope);
                        }
                    });
            String size = image.width + "x" + image.height;
            return new CropsCase(size, name, whole, decoding, handedOver, device, parts);
        }
    }

    /** Measures more and more of the work: what a part takes is the difference that it makes. */
    private Map<Part, Double> parts(byte[] encoded, List<CropSpec> specs) {
        Map<Part, Double> parts = new EnumMap<>(Part.class);
        Operations operations = new Operations.Host();
        FloatImage image = new FloatImage();
        FloatImage crop = new FloatImage();
        long[] sample = {0};
        double before = 0;
        for (Part last : Part.values()) {
            double milliseconds = 1000 / rate(() -> run(last, encoded, specs, operations, image, crop, sample[0]++));
            parts.put(last, milliseconds - before);
            before = milliseconds;
        }
        return parts;
    }

    private static void run(
            Part last,
            byte[] encoded,
            List<CropSpec> specs,
            Operations operations,
            FloatImage image,
            FloatImage crop,
            long sample) {
        ImageCodec.Bgr decoded = ImageCodec.decode(encoded).orElseThrow();
        if (last == Part.DECODE) {
            return;
        }
        image.load(decoded);
        if (last == Part.LOAD) {
            return;
        }
        List<CropPlan> plans = CropPlan.all(specs, SWAV, image.width, image.height, 31, 0, sample);
        for (int i = 0; i < plans.size(); i++) {
            CropPlan plan = plans.get(i);
            int side = specs.get(i < specs.get(0).count() ? 0 : 1).size();
            operations.resize(image, plan.box(), plan.flip(), crop, side, side);
            if (last.compareTo(Part.COLOR) >= 0) {
                MultiCrop.recolor(crop, plan.changes(), plan.gray());
            }
            if (last.compareTo(Part.BLUR) >= 0) {
                plan.sigma().ifPresent(sigma -> operations.blur(crop, sigma));
            }
            if (last == Part.NORMALIZE) {
                operations.normalize(crop);
            }
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
