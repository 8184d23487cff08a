package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.ImageOps;
import io.swav.torch.PinnedBuffer;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * The operations of augmentation, each by itself on one image, with one implementation for the host and one for the
 * device.
 */
public interface Operations {
    void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height);

    void change(FloatImage image, CropPlan.ColorStep change);

    void gray(FloatImage image);

    void blur(FloatImage image, double sigma);

    void normalize(FloatImage image);

    /** Computes on the host. */
    final class Host implements Operations {
        private final Resampler resampler = new Resampler();
        private final Blur blur = new Blur();

        @Override
        public void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height) {
            resampler.resize(from, box, flip, to, width, height);
        }

        @Override
        public void change(FloatImage image, CropPlan.ColorStep change) {
            ColorJitter.change(image, change);
        }

        @Override
        public void gray(FloatImage image) {
            ColorJitter.gray(image);
        }

        @Override
        public void blur(FloatImage image, double sigma) {
            blur.apply(image, sigma);
        }

        @Override
        public void normalize(FloatImage image) {
            MultiCrop.normalize(image);
        }
    }

    /** Computes on the device of a manager's arrays. */
    final class Device implements Operations {
        private final NDManager root;

        public Device(NDManager root) {
            this.root = root;
        }

        @Override
        public void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height) {
            to.resize(width, height);
            try (NDManager scratch = root.newSubManager()) {
                byte[] rgb = from.toBytes();
                NDArray bytes;
                try (PinnedBuffer staging = PinnedBuffer.once(DataType.UINT8, rgb.length)) {
                    for (int i = 0; i < rgb.length; i++) {
                        staging.bytes().put(i - i % 3 + 2 - i % 3, rgb[i]);
                    }
                    bytes = staging.toArray(scratch);
                }
                double origin = 3.0 * (box.top() * from.width + box.left());
                double[] row = {0, origin, 3.0 * from.width, box.height(), box.width(), flip ? 1 : 0};
                NDArray resized = scratch.create(new Shape(1, 3, height, width), DataType.FLOAT32);
                ImageOps.cut(bytes, scratch.create(row, new Shape(1, row.length)), box.height(), box.width(), resized);
                read(resized, to);
            }
        }

        @Override
        public void change(FloatImage image, CropPlan.ColorStep change) {
            BiConsumer<NDArray, NDArray> operation = DeviceAugmenter.operation(change.color());
            on(image, operation, 1, new double[] {0, DeviceAugmenter.factor(change)});
        }

        @Override
        public void gray(FloatImage image) {
            on(image, ImageOps::gray, 1, new double[] {0});
        }

        @Override
        public void blur(FloatImage image, double sigma) {
            BiConsumer<NDArray, NDArray> passes = (images, table) -> ImageOps.blur(images, table, Blur.PASSES);
            on(image, passes, 1, DeviceAugmenter.filter(0, sigma));
        }

        @Override
        public void normalize(FloatImage image) {
            double[] scales = IntStream.range(0, 6)
                    .mapToDouble(i -> i < 3 ? MultiCrop.scale(i) : MultiCrop.offset(i - 3))
                    .toArray();
            on(image, ImageOps::normalize, 2, scales);
        }

        private void on(FloatImage image, BiConsumer<NDArray, NDArray> operation, int rows, double[] numbers) {
            try (NDManager scratch = root.newSubManager()) {
                float[] levels = new float[3 * image.pixels()];
                for (int c = 0; c < 3; c++) {
                    System.arraycopy(image.planes[c], 0, levels, c * image.pixels(), image.pixels());
                }
                NDArray array = scratch.create(levels, new Shape(1, 3, image.height, image.width));
                operation.accept(array, scratch.create(numbers, new Shape(rows, numbers.length / rows)));
                read(array, image);
            }
        }

        private static void read(NDArray from, FloatImage to) {
            float[] levels = from.toFloatArray();
            for (int c = 0; c < 3; c++) {
                System.arraycopy(levels, c * to.pixels(), to.planes[c], 0, to.pixels());
            }
        }
    }
}
