package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.common.DaemonThreads;
import io.swav.torch.HostView;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Batches of a matrix's rows in a given order. The rows of the next batch are read, by several threads, while the present
 * one is computed: on a disk each row is an access of its own.
 */
final class RowBatches implements AutoCloseable {
    private static final int READERS = 8;

    private final FeatureMatrix features;
    private final int batch;
    private final NDManager host = TorchRuntime.host();
    private final NDArray[] buffers;
    private final ExecutorService readers = Executors.newFixedThreadPool(READERS, DaemonThreads.named("rows"));
    private CompletableFuture<Void> reading = CompletableFuture.completedFuture(null);
    private int[] order = {};
    private int next;

    /**
     * Rows of one batch.
     *
     * @param valuesBF (B, width + 1): the features, and a 1 that a bias is multiplied with
     * @param labelsB (B) INT64
     */
    record Rows(NDArray valuesBF, NDArray labelsB) {
        int count() {
            return (int) labelsB.size();
        }
    }

    RowBatches(FeatureMatrix features, int batch) {
        this.features = features;
        this.batch = Math.min(batch, features.rows());
        Shape shape = new Shape(this.batch, features.width() + 1);
        this.buffers = new NDArray[] {host.ones(shape, DataType.FLOAT32), host.ones(shape, DataType.FLOAT32)};
    }

    /** Begins to return rows in this order. */
    void begin(int[] rows) {
        order = rows;
        next = 0;
        reading = read(0);
    }

    boolean hasNext() {
        return next < order.length;
    }

    /** Returns the next batch, on the device; it is valid until the next call. */
    Rows next(NDManager manager) {
        await(reading);
        int from = next;
        int count = Math.min(batch, order.length - from);
        next += count;
        reading = read(next);
        long[] labels = new long[count];
        for (int i = 0; i < count; i++) {
            labels[i] = features.label(order[from + i]);
        }
        NDArray values = TorchOps.rows(manager, buffer(from), 0, count);
        return new Rows(onDevice(manager, values), manager.create(labels));
    }

    private static NDArray onDevice(NDManager manager, NDArray values) {
        if (!TorchRuntime.onGpu()) {
            return values;
        }
        NDArray there = manager.create(values.getShape(), DataType.FLOAT32);
        TorchOps.copy(values, there);
        return there;
    }

    private NDArray buffer(int from) {
        return buffers[from / batch % buffers.length];
    }

    private CompletableFuture<Void> read(int from) {
        int count = Math.min(batch, order.length - from);
        if (count <= 0) {
            return CompletableFuture.completedFuture(null);
        }
        ByteBuffer bytes = HostView.toFill(buffer(from)).bytes();
        CompletableFuture<?>[] parts = new CompletableFuture<?>[READERS];
        for (int part = 0; part < READERS; part++) {
            int first = part;
            parts[part] = CompletableFuture.runAsync(
                    () -> {
                        for (int row = first; row < count; row += READERS) {
                            read(order[from + row], bytes, row);
                        }
                    },
                    readers);
        }
        return CompletableFuture.allOf(parts);
    }

    private void read(int row, ByteBuffer bytes, int place) {
        int stride = (features.width() + 1) * Float.BYTES;
        features.read(row, 1, bytes.duplicate().order(ByteOrder.nativeOrder()).position(place * stride));
    }

    private static void await(CompletableFuture<Void> reading) {
        try {
            reading.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** Waits for threads that fill arrays, before these are freed. */
    @Override
    public void close() {
        DaemonThreads.end(readers);
        host.close();
    }
}
