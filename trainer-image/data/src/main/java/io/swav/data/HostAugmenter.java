package io.swav.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.CropSpec;
import io.swav.api.SwavJobSpec;
import io.swav.torch.CopyStream;
import io.swav.torch.PinnedBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Makes crops on the host, in the threads that add the images. */
final class HostAugmenter implements Augmenter {
    private final List<CropSpec> crops;
    private final int groupSize;
    private final long seed;
    private final ThreadLocal<Worker> scratch;
    private final Queue<List<PinnedBuffer>> freeBuffers = new ConcurrentLinkedQueue<>();

    private record Worker(MultiCrop crops, FloatImage image) {}

    HostAugmenter(SwavJobSpec spec) {
        this.crops = spec.crops();
        this.groupSize = spec.training().groupSize();
        this.seed = spec.training().seed();
        this.scratch = ThreadLocal.withInitial(
                () -> new Worker(new MultiCrop(crops, spec.training().augmentation()), new FloatImage()));
    }

    @Override
    public Group begin() {
        List<PinnedBuffer> buffers = freeBuffers.poll();
        return new HostGroup(buffers == null ? allocate() : buffers);
    }

    private List<PinnedBuffer> allocate() {
        List<PinnedBuffer> buffers = new ArrayList<>();
        for (CropSpec crop : crops) {
            buffers.add(PinnedBuffer.of(shape(crop)));
        }
        return buffers;
    }

    private Shape shape(CropSpec crop) {
        return new Shape((long) crop.count() * groupSize, 3, crop.size(), crop.size());
    }

    /** A group with one buffer per resolution. */
    private final class HostGroup implements Group {
        private final List<PinnedBuffer> buffers;

        HostGroup(List<PinnedBuffer> buffers) {
            this.buffers = buffers;
        }

        @Override
        public void add(int row, ImageCodec.Bgr image, long epoch, long sample) {
            Worker worker = scratch.get();
            worker.image.load(image);
            worker.crops.crop(worker.image, seed, epoch, sample, (resolution, index, crop) -> {
                FloatBuffer buffer = buffers.get(resolution).values();
                buffer.position(3 * crop.pixels() * (index * groupSize + row));
                for (float[] plane : crop.planes) {
                    buffer.put(plane, 0, crop.pixels());
                }
            });
        }

        @Override
        public void prefetch(CopyStream copies) {
            buffers.forEach(buffer -> buffer.prefetch(copies));
        }

        @Override
        public List<NDArray> crops(NDManager manager) {
            return buffers.stream().map(buffer -> buffer.toArray(manager)).toList();
        }

        @Override
        public long bytes() {
            return Float.BYTES
                    * crops.stream().mapToLong(crop -> shape(crop).size()).sum();
        }

        @Override
        public void close() {
            if (buffers.get(0).reusable()) {
                freeBuffers.add(buffers);
            } else {
                buffers.forEach(PinnedBuffer::close);
            }
        }
    }
}
