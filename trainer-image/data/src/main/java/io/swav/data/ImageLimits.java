package io.swav.data;

import io.swav.api.DataSpec;
import io.swav.api.SwavJobSpec;
import io.swav.torch.HostMemory;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Bounds the memory that an image may take. A file of a few kilobytes can decode to gigabytes, so the size in its header
 * is judged before any pixel is decoded.
 *
 * @param maxPixels width times height, data.maxPixels
 * @param heapBytes that the arrays of one image may take
 * @param freeBytes of the machine or container, asked only for large images
 */
public record ImageLimits(long maxPixels, long heapBytes, LongSupplier freeBytes) {
    /** Bytes in the heap: levels of three channels, and three planes of floats ({@link FloatImage}). */
    private static final int HEAP_BYTES_PER_PIXEL = 3 + 3 * 4;
    /** Bytes outside the heap: the decoded image, and the coefficients of a progressive JPEG. */
    private static final int NATIVE_BYTES_PER_PIXEL = 3 + 3 * 2;
    /** Below this, an image is not worth a look at the machine's memory. */
    private static final long SMALL_PIXELS = 4_000_000;
    /** The share of the heap that an encoded file may take. */
    private static final int ENCODED_SHARE = 4;

    /** Returns the limits of a job, whose workers decode at the same time. */
    public static ImageLimits of(SwavJobSpec spec) {
        return of(spec.data().maxPixels(), spec.data().workers());
    }

    /** Returns the limits of one thread with the default of data.maxPixels. */
    public static ImageLimits standard() {
        return of(DataSpec.MAX_PIXELS, 1);
    }

    private static ImageLimits of(int maxPixels, int threads) {
        return new ImageLimits(
                maxPixels,
                Runtime.getRuntime().maxMemory() / threads,
                () -> new HostMemory(Path.of("/")).free().orElse(Long.MAX_VALUE));
    }

    /** Requires that an image of this size may be decoded. */
    void require(ImageHeader.Size size) throws BadImageException {
        long pixels = size.pixels();
        if (pixels > maxPixels) {
            throw new BadImageException("its header says " + size + ", more than data.maxPixels (" + maxPixels + ")");
        }
        if (pixels > SMALL_PIXELS) {
            requireMemory(size, pixels * HEAP_BYTES_PER_PIXEL, heapBytes, "Java heap (-Xmx)");
            requireMemory(size, pixels * NATIVE_BYTES_PER_PIXEL, freeBytes.getAsLong(), "machine or container");
        }
    }

    private static void requireMemory(ImageHeader.Size size, long needed, long there, String where)
            throws BadImageException {
        if (needed > there) {
            throw new BadImageException(String.format(
                    Locale.ROOT,
                    "its header says %s, which need %d MB; the %s has %d MB for it. A pod with more memory would use it:"
                            + " raise the memory, or lower data.maxPixels in a new job, so that all pods skip the same"
                            + " images",
                    size,
                    needed >> 20,
                    where,
                    there >> 20));
        }
    }

    /**
     * Requires that a file may be read into memory.
     *
     * @param bytes of the encoded image
     */
    static void requireReadable(long bytes) throws BadImageException {
        long limit = Math.min(Integer.MAX_VALUE - 8, Runtime.getRuntime().maxMemory() / ENCODED_SHARE);
        if (bytes > limit) {
            throw new BadImageException(String.format(
                    Locale.ROOT, "it has %d MB, this process reads at most %d MB", bytes >> 20, limit >> 20));
        }
    }
}
