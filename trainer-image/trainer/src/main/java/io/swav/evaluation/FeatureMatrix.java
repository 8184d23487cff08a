package io.swav.evaluation;

import io.swav.api.ExitCodes;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;

/**
 * The pooled features of a labelled data set, computed by a frozen backbone: one row per image. The rows lie in memory or
 * in a file, and are copied out in pieces, so that their number is not limited by memory. Safe for use by several
 * threads.
 */
public final class FeatureMatrix {
    /** Where the values lie, row-major, little endian. */
    interface ValueSource {
        /**
         * Fills {@code to} with the bytes at {@code at}.
         *
         * @param at byte offset
         */
        void read(long at, ByteBuffer to) throws IOException;
    }

    private final int width;
    private final int[] labels;
    private final ValueSource values;

    /**
     * @param labels at least 0, one for each row
     * @param values rows · width
     */
    FeatureMatrix(int width, int[] labels, ValueSource values) {
        this.width = width;
        this.labels = labels;
        this.values = values;
    }

    /** Creates a matrix over values in memory. */
    static FeatureMatrix of(int width, int[] labels, ByteBuffer values) {
        return new FeatureMatrix(width, labels, (at, to) -> to.put(values.slice((int) at, to.remaining())));
    }

    /**
     * Creates a matrix over values in a file.
     *
     * @param start byte of the first value
     */
    public static FeatureMatrix of(int width, int[] labels, FileChannel file, long start) {
        return new FeatureMatrix(width, labels, (at, to) -> {
            for (long place = start + at; to.hasRemaining(); ) {
                int count = file.read(to, place);
                if (count < 0) {
                    throw new EOFException("the file ends at byte " + place);
                }
                place += count;
            }
        });
    }

    public int rows() {
        return labels.length;
    }

    public int width() {
        return width;
    }

    int label(int row) {
        return labels[row];
    }

    /** One more than the largest label. */
    int classes() {
        return 1 + Arrays.stream(labels).max().orElse(-1);
    }

    /**
     * Copies rows [from, from + count).
     *
     * @param to advanced by count · width floats, in native byte order
     * @throws EvalException if they cannot be read
     */
    void read(int from, int count, ByteBuffer to) {
        long bytes = (long) count * width * Float.BYTES;
        ByteBuffer part = to.slice(to.position(), Math.toIntExact(bytes));
        try {
            values.read((long) from * width * Float.BYTES, part);
        } catch (IOException e) {
            throw new EvalException(
                    ExitCodes.SOFTWARE, "the stored features cannot be read back (" + e + "): run the command again");
        }
        to.position(to.position() + part.capacity());
    }

    /** Copies rows [from, from + count), each scaled to norm 1. */
    void readNormalized(int from, int count, ByteBuffer to) {
        int begin = to.position();
        read(from, count, to);
        FloatBuffer floats =
                to.duplicate().order(ByteOrder.nativeOrder()).position(begin).asFloatBuffer();
        float[] row = new float[width];
        for (int i = 0; i < count; i++) {
            floats.get(i * width, row);
            normalize(row);
            floats.put(i * width, row);
        }
    }

    private static void normalize(float[] row) {
        double squares = 0;
        for (float value : row) {
            squares += (double) value * value;
        }
        float scale = (float) (1 / Math.max(Math.sqrt(squares), 1e-12));
        for (int i = 0; i < row.length; i++) {
            row[i] *= scale;
        }
    }
}
