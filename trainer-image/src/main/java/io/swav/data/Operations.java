package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.ImageOps;
import io.swav.torch.PinnedBuffer;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/** The operations of augmentation, each by itself on one picture: the host's and the device's side by side. */
interface Operations {
    void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height);

    void change(FloatImage picture, CropPlan.Change change);

    void grey(FloatImage picture);

    void blur(FloatImage picture, double sigma);

    void normalise(FloatImage picture);

    /** On the host. */
    final class Host implements Operations {
        private final Resampler resampler = new Resampler();
        private final Blur blur = new Blur();

        @Override
        public void resize(FloatImage from, CropBox box, boolean flip, FloatImage to, int width, int height) {
            resampler.resize(from, box, flip, to, width, height);
        }

        @Override
        public void change(FloatImage picture, CropPlan.Change change) {
            ColorJitter.change(picture, change);
        }

        @Override
        public void grey(FloatImage picture) {
            ColorJitter.grey(picture);
        }

        @Override
        public void blur(FloatImage picture, double sigma) {
            blur.apply(picture, sigma);
        }

        @Override
        public void normalise(FloatImage picture) {
            MultiCrop.normalise(picture);
        }
    }

    /** On the device of a manager's arrays. */
    final class Device implements Operations {
        private final NDManager root;

        Device(NDManager root) {
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
                NDArray made = scratch.create(new Shape(1, 3, height, width), DataType.FLOAT32);
                ImageOps.cut(bytes, scratch.create(row, new Shape(1, row.length)), box.height(), box.width(), made);
                read(made, to);
            }
        }

        @Override
        public void change(FloatImage picture, CropPlan.Change change) {
            BiConsumer<NDArray, NDArray> operation = DeviceAugmenter.operation(change.colour());
            on(picture, operation, 1, new double[] {0, DeviceAugmenter.factor(change)});
        }

        @Override
        public void grey(FloatImage picture) {
            on(picture, ImageOps::grey, 1, new double[] {0});
        }

        @Override
        public void blur(FloatImage picture, double sigma) {
            BiConsumer<NDArray, NDArray> passes = (pictures, table) -> ImageOps.blur(pictures, table, Blur.PASSES);
            on(picture, passes, 1, DeviceAugmenter.filter(0, sigma));
        }

        @Override
        public void normalise(FloatImage picture) {
            double[] scales = IntStream.range(0, 6)
                    .mapToDouble(i -> i < 3 ? MultiCrop.scale(i) : MultiCrop.offset(i - 3))
                    .toArray();
            on(picture, ImageOps::normalise, 2, scales);
        }

        private void on(FloatImage picture, BiConsumer<NDArray, NDArray> operation, int rows, double[] numbers) {
            try (NDManager scratch = root.newSubManager()) {
                float[] levels = new float[3 * picture.pixels()];
                for (int c = 0; c < 3; c++) {
                    System.arraycopy(picture.planes[c], 0, levels, c * picture.pixels(), picture.pixels());
                }
                NDArray array = scratch.create(levels, new Shape(1, 3, picture.height, picture.width));
                operation.accept(array, scratch.create(numbers, new Shape(rows, numbers.length / rows)));
                read(array, picture);
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
