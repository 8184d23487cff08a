package io.swav.data;

import io.swav.api.SwavJobSpec;
import io.swav.common.DaemonThreads;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * Reads encoded images ahead of the threads that decode them, many at a time: a read over a network mostly waits, so as
 * many must be under way as the decoders take in the time of one. The bytes that are read and not decoded yet are bounded.
 */
final class SampleReads implements AutoCloseable {
    /** With 20 ms a read, 3,200 images a second. */
    static final int IN_FLIGHT = 64;
    /** The limit on the bytes that wait for a decoder, KiB; a larger image waits until it is alone. */
    private static final int WAITING_KIB = 32 << 10;

    private static final int CLOSE_SECONDS = 10;

    private final DataSet data;
    private final SwavJobSpec spec;
    private final CountDownLatch closing;
    private final Semaphore room = new Semaphore(WAITING_KIB, true);
    private final ExecutorService threads;

    /** @param closing ends retries, and reads that have not begun, when it reaches zero */
    SampleReads(DataSet data, SwavJobSpec spec, CountDownLatch closing) {
        this.data = data;
        this.spec = spec;
        this.closing = closing;
        AtomicInteger number = new AtomicInteger();
        this.threads = Executors.newFixedThreadPool(
                IN_FLIGHT, task -> DaemonThreads.create("reads-" + number.getAndIncrement(), task));
    }

    /** Supplies the bytes of an encoded image. */
    @FunctionalInterface
    interface Encoded {
        /** @throws BadImageException if the sample can never be an image */
        byte[] bytes() throws BadImageException;
    }

    /** An image that was read; it occupies room until it is closed. */
    record Read(Encoded encoded, Runnable leave) implements AutoCloseable {
        @Override
        public void close() {
            leave.run();
        }
    }

    /**
     * Begins to read a sample after those that were requested before.
     *
     * @return empty if the sample was not wanted any more when its turn came; fails with a {@link DataException} if it
     *     cannot be read
     */
    CompletableFuture<Optional<Read>> read(LongSupplier sample, BooleanSupplier wanted) {
        return CompletableFuture.supplyAsync(
                () -> wanted.getAsBoolean() && closing.getCount() > 0
                        ? Optional.of(read(sample.getAsLong()))
                        : Optional.empty(),
                threads);
    }

    private Read read(long sample) {
        int kib = (int) Math.max(1, Math.min(WAITING_KIB, (data.bytes(sample) + 1023) / 1024));
        room.acquireUninterruptibly(kib);
        boolean held = false;
        try {
            byte[] bytes = now(sample).bytes();
            held = true;
            return new Read(() -> bytes, () -> room.release(kib));
        } catch (BadImageException e) {
            return new Read(
                    () -> {
                        throw e;
                    },
                    () -> {});
        } finally {
            if (!held) {
                room.release(kib);
            }
        }
    }

    /** Reads in the calling thread. */
    Encoded now(long sample) {
        return () -> ReadRetry.read(data, sample, spec, closing);
    }

    /** Waits for reads that are under way. They are not interrupted, which would close the shards' channels under others. */
    @Override
    public void close() {
        room.release(Integer.MAX_VALUE / 2); // nobody decodes any more
        threads.shutdown();
        try {
            var unused = threads.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
