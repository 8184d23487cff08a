package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.SwavJobSpec;
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
 * Crops made on the device that computes, a group at a time: the threads that add pictures only put the decoded bytes where
 * the device fetches them, and draw what is to be done. The shapes of all kernels follow from the group's own pictures, and so do
 * the bits.
 */
final class DeviceAugmenter implements Augmenter {
    /** Values of pictures, with what pads them to one size, that an operation takes at a time: its memory, a few times over. */
    private static final long AT_A_TIME = 1L << 22;

    private static final int TAPS = Blur.box(CropPlan.MAX_SIGMA).length;

    private final List<SwavJobSpec.CropSpec> crops;
    private final SwavJobSpec.Augmentation augmentation;
    private final int groupSize;
    private final long seed;

    DeviceAugmenter(SwavJobSpec spec) {
        this(
                spec.crops(),
                spec.training().augmentation(),
                spec.training().groupSize(),
                spec.training().seed());
    }

    DeviceAugmenter(List<SwavJobSpec.CropSpec> crops, SwavJobSpec.Augmentation augmentation, int groupSize, long seed) {
        this.crops = crops;
        this.augmentation = augmentation;
        this.groupSize = groupSize;
        this.seed = seed;
    }

    @Override
    public Group begin() {
        return new Drawn();
    }

    /** A picture's bytes on their way, and what becomes of them. */
    private record Row(PinnedBuffer bytes, int width, int height, List<CropPlan> plans) {
        long size() {
            return 3L * width * height;
        }
    }

    private final class Drawn implements Group {
        private final Row[] rows = new Row[groupSize];

        @Override
        public void add(int row, ImageCodec.Bgr picture, long epoch, long sample) {
            List<CropPlan> plans =
                    CropPlan.all(crops, augmentation, picture.width(), picture.height(), seed, epoch, sample);
            PinnedBuffer bytes =
                    PinnedBuffer.once(DataType.UINT8, picture.bytes().remaining());
            bytes.bytes().put(picture.bytes().duplicate());
            rows[row] = new Row(bytes, picture.width(), picture.height(), plans);
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
                List<NDArray> made = new ArrayList<>();
                int first = 0;
                for (SwavJobSpec.CropSpec crop : crops) {
                    Shape shape = new Shape((long) crop.count() * groupSize, 3, crop.size(), crop.size());
                    NDArray array = manager.create(shape, DataType.FLOAT32);
                    write(script, bytes, first, array);
                    made.add(array);
                    first += crop.count();
                }
                script.run(scratch);
                return made;
            }
        }

        private NDArray fetch(NDManager scratch) {
            List<NDArray> pictures =
                    Arrays.stream(rows).map(row -> row.bytes.toArray(scratch)).toList();
            NDArray all = TorchOps.concat(scratch, pictures, 0);
            pictures.forEach(NDArray::close);
            return all;
        }

        /** All operations of one resolution, whose first crop is a picture's {@code first}. */
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
            recolour(script, all, crops);
            blur(script, all, crops);
            List<double[]> scales = List.of(scales(MultiCrop::scale), scales(MultiCrop::offset));
            script.then(scales, table -> ImageOps.normalise(crops, table));
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

    /** @param from first byte of its picture, of {@code stride} bytes a row */
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

    /** Boxes of about one size together, so that little of what is computed is padding. */
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
            if (!together.isEmpty() && 3L * height * width * (together.size() + 1) > AT_A_TIME) {
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

    /** Each crop's changes have their own order: those that come to the same one together. */
    private static void recolour(Script script, List<Crop> all, NDArray crops) {
        for (int i = 0; i < CropPlan.Colour.values().length; i++) {
            for (CropPlan.Colour colour : CropPlan.Colour.values()) {
                List<double[]> factors = new ArrayList<>();
                for (Crop crop : all) {
                    List<CropPlan.Change> changes = crop.plan.changes();
                    if (i < changes.size() && changes.get(i).colour() == colour) {
                        factors.add(new double[] {crop.index, factor(changes.get(i))});
                    }
                }
                inParts(script, factors, crops, operation(colour));
            }
        }
        List<double[]> grey = new ArrayList<>();
        for (Crop crop : all) {
            if (crop.plan.grey()) {
                grey.add(new double[] {crop.index});
            }
        }
        inParts(script, grey, crops, ImageOps::grey);
    }

    /** Of crops and a table. */
    static BiConsumer<NDArray, NDArray> operation(CropPlan.Colour colour) {
        return switch (colour) {
            case BRIGHTNESS -> ImageOps::brightness;
            case CONTRAST -> ImageOps::contrast;
            case SATURATION -> ImageOps::saturation;
            case HUE -> ImageOps::hue;
        };
    }

    static double factor(CropPlan.Change change) {
        return change.colour() == CropPlan.Colour.HUE ? ColorJitter.shift(change.factor()) : change.factor();
    }

    private static void blur(Script script, List<Crop> all, NDArray crops) {
        List<double[]> filters = new ArrayList<>();
        for (Crop crop : all) {
            crop.plan.sigma().ifPresent(sigma -> filters.add(filter(crop.index, sigma)));
        }
        inParts(script, filters, crops, (pictures, table) -> ImageOps.blur(pictures, table, Blur.PASSES));
    }

    /** A crop's index and its filter's weights, 0 beyond the reach of its own. */
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
        int part =
                (int) Math.max(1, AT_A_TIME / (crops.size() / crops.getShape().get(0)));
        for (int from = 0; from < rows.size(); from += part) {
            List<double[]> some = rows.subList(from, Math.min(rows.size(), from + part));
            script.then(some, table -> operation.accept(crops, table));
        }
    }

    /** Operations in their order, the numbers of all of which go to the device in one piece. */
    private static final class Script {
        private final List<List<double[]>> tables = new ArrayList<>();
        private final List<Consumer<NDArray>> operations = new ArrayList<>();

        /** @param operation gets {@code rows} as FLOAT64 (n, their length) */
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
