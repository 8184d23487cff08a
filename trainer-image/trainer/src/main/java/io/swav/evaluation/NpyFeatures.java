package io.swav.evaluation;

import io.swav.data.DataSet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;

/**
 * Features as NumPy's array file, format 1.0 (numpy.lib.format): float32 (rows, width). The format has no place for names
 * and labels.
 */
final class NpyFeatures implements FeatureWriter {
    /** The bytes before the values: a multiple of 64, as NumPy writes. */
    private static final int HEADER = 128;

    private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

    private final FileChannel channel;
    private final int width;

    NpyFeatures(FileChannel channel, int width) throws IOException {
        this.channel = channel;
        this.width = width;
        channel.position(HEADER);
    }

    @Override
    public void row(ByteBuffer values) throws IOException {
        while (values.hasRemaining()) {
            channel.write(values);
        }
    }

    @Override
    public void finish(DataSet data, int[] samples) throws IOException {
        int length = HEADER - MAGIC.length - 2; // after a length of two bytes, little endian
        String text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + samples.length + ", " + width + "), }";
        ByteBuffer header = ByteBuffer.allocate(HEADER)
                .put(MAGIC)
                .put((byte) length)
                .put((byte) (length >> 8))
                .put((text + " ".repeat(length - 1 - text.length()) + "\n").getBytes(StandardCharsets.US_ASCII))
                .flip();
        channel.force(true);
        while (header.hasRemaining()) {
            channel.write(header, header.position());
        }
        channel.force(true);
    }
}
