package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.CropSpec;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainingSpec;
import io.swav.torch.CopyStream;
import io.swav.torch.ImageOps;
import io.swav.torch.PinnedBuffer;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Makes crops on the device that computes, one group at a time. The threads that add images only store the decoded
 * bytes where the device fetches them, and draw the random decisions. The shapes of all kernels depend only on the
 * images of the group, and so do the bits of the result.
 */
public final class DeviceAugmenter implements Augmenter {
    /**
     * The number of values, padding to a common size included, that one operation processes at a time. It bounds the
     * memory of an operation to a few times this.
     */
    private static final long MAX_VALUES_PER_CALL = 1L << 22;

    private static final int TAPS = Blur.box(CropPlan.MAX_SIGMA).length;

    private final List<CropSpec> crops;
    private final TrainingSpec.Augmentation augmentation;
    private final int groupSize;
    private final long seed;

    DeviceAugmenter(SwavJobSpec spec) {
        this(
                spec.crops(),
                spec.training().augmentation(),
                spec.training().groupSize(),
                spec.training().seed());
    }

    public DeviceAugmenter(List<CropSpec> crops, TrainingSpec.Augmentation augmentation, int groupSize, long seed) {
        this.crops = crops;
        this.augmentation = augmentation;
        this.groupSize = groupSize;
        this.seed = seed;
    }

    @Override
    public Group begin() {
        return new DeviceGroup();
    }

    /** An image's bytes on their way to the device, and the crops to make of it. */
    private record Row(PinnedBuffer bytes, int width, int height, List<CropPlan> plans) {
        long size() {
            return 3L * width * height;
        }
    }

    private final class DeviceGroup implements Group {
        private final Row[] rows = new Row[groupSize];

        @Override
        public void add(int row, ImageCodec.Bgr image, long epoch, long sample) {
            List<CropPlan> plans =
                    CropPlan.all(crops, augmentation, image.width(), image.height(), seed, epoch, sample);
            PinnedBuffer bytes = PinnedBuffer.once(DataType.UINT8, image.bytes().remaining());
            bytes.bytes().put(image.bytes().duplicate());
            rows[row] = new Row(bytes, image.width(), image.height(), plans);
        }

        @Override
        public void prefetch(CopyStream copies) {
            Arrays.stream(rows).forEach(row -> row.bytes.prefetch(copies));
        }

        @Override
        public List<NDArray> crops(NDManager manager) {
            try (NDManager scratch = manager.newSubManager()) {
                NDArray bytes = fetch(scratch);
                Script script = new Script();
                List<NDArray> arrays = new ArrayList<>();
                int first = 0;
                for (CropSpec crop : crops) {
                    Shape shape = new Shape((long) crop.count() * groupSize, 3, crop.size(), crop.size());
                    NDArray array = manager.create(shape, DataType.FLOAT32);
                    write(script, bytes, first, array);
                    arrays.add(array);
                    first += crop.count();
                }
                script.run(scratch);
                return arrays;
            }
        }

        private NDArray fetch(NDManager scratch) {
            List<NDArray> images =
                    Arrays.stream(rows).map(row -> row.bytes.toArray(scratch)).toList();
            NDArray all = TorchOps.concat(scratch, images, 0);
            images.forEach(NDArray::close);
            return all;
        }

        /**
         * Adds all operations of one resolution to {@code script}; {@code first} is the index of its first crop among
         * all crops of an image.
         */
        private void write(Script script, NDArray bytes, int first, NDArray crops) {
            long[] from = new long[groupSize];
            for (int row = 1; row < groupSize; row++) {
                from[row] = from[row - 1] + rows[row - 1].size();
            }
            List<Crop> all = new ArrayList<>();
            for (int i = 0; i < crops.getShape().get(0); i++) {
                Row row = rows[i % groupSize];
                all.add(new Crop(i, row.plans.get(first + i / groupSize), from[i % groupSize], 3 * row.width));
            }
            cut(script, bytes, all, crops);
            recolor(script, all, crops);
            blur(script, all, crops);
            List<double[]> scales = List.of(scales(MultiCrop::scale), scales(MultiCrop::offset));
            script.then(scales, table -> ImageOps.normalize(crops, table));
        }

        @Override
        public long bytes() {
            return Arrays.stream(rows).mapToLong(Row::size).sum();
        }

        @Override
        public void close() {
            Arrays.stream(rows).filter(Objects::nonNull).forEach(row -> row.bytes.close());
        }
    }

    /**
     * One crop.
     *
     * @param from first byte of its image, which has {@code stride} bytes per row
     */
    private record Crop(int index, CropPlan plan, long from, int stride) {
        double[] box() {
            CropBox box = plan.box();
            long origin = from + (long) box.top() * stride + 3L * box.left();
            return new double[] {index, origin, stride, box.height(), box.width(), plan.flip() ? 1 : 0};
        }
    }

    private static double[] scales(IntToDoubleFunction ofChannel) {
        return IntStream.range(0, 3).mapToDouble(ofChannel).toArray();
    }

    /** Cuts the boxes out of the images, boxes of similar size together, so that little of the work is padding. */
    private static void cut(Script script, NDArray bytes, List<Crop> all, NDArray crops) {
        List<Crop> bySize = new ArrayList<>(all);
        bySize.sort(Comparator.comparingLong(
                crop -> (long) crop.plan.box().height() * crop.plan.box().width()));
        int tallest = 0;
        int widest = 0;
        List<double[]> together = new ArrayList<>();
        for (Crop crop : bySize) {
            int height = Math.max(tallest, crop.plan.box().height());
            int width = Math.max(widest, crop.plan.box().width());
            if (!together.isEmpty() && 3L * height * width * (together.size() + 1) > MAX_VALUES_PER_CALL) {
                cut(script, bytes, together, tallest, widest, crops);
                together = new ArrayList<>();
                height = crop.plan.box().height();
                width = crop.plan.box().width();
            }
            together.add(crop.box());
            tallest = height;
            widest = width;
        }
        cut(script, bytes, together, tallest, widest, crops);
    }

    private static void cut(
            Script script, NDArray bytes, List<double[]> boxes, int tallest, int widest, NDArray crops) {
        script.then(boxes, table -> ImageOps.cut(bytes, table, tallest, widest, crops));
    }

    /**
     * Applies color jitter and grayscale. Each crop has its own order of changes; crops with the same change at the
     * same position are processed together.
     */
    private static void recolor(Script script, List<Crop> all, NDArray crops) {
        for (int i = 0; i < CropPlan.Color.values().length; i++) {
            for (CropPlan.Color color : CropPlan.Color.values()) {
                List<double[]> factors = new ArrayList<>();
                for (Crop crop : all) {
                    List<CropPlan.ColorStep> changes = crop.plan.changes();
                    if (i < changes.size() && changes.get(i).color() == color) {
                        factors.add(new double[] {crop.index, factor(changes.get(i))});
                    }
                }
                inParts(script, factors, crops, operation(color));
            }
        }
        List<double[]> gray = new ArrayList<>();
        for (Crop crop : all) {
            if (crop.plan.gray()) {
                gray.add(new double[] {crop.index});
            }
        }
        inParts(script, gray, crops, ImageOps::gray);
    }

    /** The operation that applies a color change to crops, given a table of factors. */
    static BiConsumer<NDArray, NDArray> operation(CropPlan.Color color) {
        return switch (color) {
            case BRIGHTNESS -> ImageOps::brightness;
            case CONTRAST -> ImageOps::contrast;
            case SATURATION -> ImageOps::saturation;
            case HUE -> ImageOps::hue;
        };
    }

    static double factor(CropPlan.ColorStep change) {
        return change.color() == CropPlan.Color.HUE ? ColorJitter.shift(change.factor()) : change.factor();
    }

    private static void blur(Script script, List<Crop> all, NDArray crops) {
        List<double[]> filters = new ArrayList<>();
        for (Crop crop : all) {
            crop.plan.sigma().ifPresent(sigma -> filters.add(filter(crop.index, sigma)));
        }
        inParts(script, filters, crops, (images, table) -> ImageOps.blur(images, table, Blur.PASSES));
    }

    /** A crop's index and the weights of its filter, 0 beyond the reach of that filter. */
    static double[] filter(int index, double sigma) {
        float[] box = Blur.box(sigma);
        double[] filter = new double[1 + TAPS];
        filter[0] = index;
        for (int k = 0; k < box.length; k++) {
            filter[1 + k] = box[k];
        }
        return filter;
    }

    private static void inParts(
            Script script, List<double[]> rows, NDArray crops, BiConsumer<NDArray, NDArray> operation) {
        int part = (int) Math.max(
                1, MAX_VALUES_PER_CALL / (crops.size() / crops.getShape().get(0)));
        for (int from = 0; from < rows.size(); from += part) {
            List<double[]> batch = rows.subList(from, Math.min(rows.size(), from + part));
            script.then(batch, table -> operation.accept(crops, table));
        }
    }

    /** Operations in their order. The tables of all of them go to the device in one piece. */
    private static final class Script {
        private final List<List<double[]>> tables = new ArrayList<>();
        private final List<Consumer<NDArray>> operations = new ArrayList<>();

        /**
         * Adds an operation.
         *
         * @param operation receives {@code rows} as FLOAT64 (number of rows, their length)
         */
        void then(List<double[]> rows, Consumer<NDArray> operation) {
            tables.add(rows);
            operations.add(operation);
        }

        void run(NDManager scratch) {
            double[] numbers = tables.stream()
                    .flatMap(List::stream)
                    .flatMapToDouble(Arrays::stream)
                    .toArray();
            NDArray flat;
            try (PinnedBuffer staging = PinnedBuffer.once(DataType.FLOAT64, numbers.length)) {
                staging.bytes().asDoubleBuffer().put(numbers);
                flat = staging.toArray(scratch);
            }
            long from = 0;
            for (int i = 0; i < tables.size(); i++) {
                long rows = tables.get(i).size();
                long columns = tables.get(i).get(0).length;
                try (NDArray table = TorchOps.view(scratch, flat, from, rows, columns)) {
                    operations.get(i).accept(table);
                }
                from += rows * columns;
            }
        }
    }
}
