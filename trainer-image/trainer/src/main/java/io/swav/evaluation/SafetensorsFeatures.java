package io.swav.evaluation;

import io.swav.checkpoint.StreamedSafetensors;
import io.swav.data.DataSet;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Features as safetensors: {@code features} F32 (rows, width), {@code labels} I64 (rows), −1 for none, and {@code names}
 * U8, the samples' names in UTF-8, each ended by a zero byte.
 */
final class SafetensorsFeatures implements FeatureWriter {
    static final String FEATURES = "features";
    private static final int PIECE = 1 << 20;

    private final StreamedSafetensors file;
    private final int width;

    SafetensorsFeatures(FileChannel channel, int width, Map<String, String> metadata) throws IOException {
        this.file = new StreamedSafetensors(channel, metadata);
        this.width = width;
        file.begin(FEATURES, "F32");
    }

    @Override
    public void row(ByteBuffer values) throws IOException {
        file.append(values);
    }

    @Override
    public void finish(DataSet data, int[] samples) throws IOException {
        file.end(List.of((long) samples.length, (long) width));
        file.begin("labels", "I64");
        ByteBuffer labels = ByteBuffer.allocate(PIECE).order(ByteOrder.LITTLE_ENDIAN);
        for (int sample : samples) {
            if (!labels.hasRemaining()) {
                file.append(labels.flip());
                labels.clear();
            }
            labels.putLong(data.label(sample));
        }
        file.append(labels.flip());
        file.end(List.of((long) samples.length));
        file.begin("names", "U8");
        long bytes = 0;
        ByteArrayOutputStream names = new ByteArrayOutputStream();
        for (int sample : samples) {
            names.writeBytes(data.place(sample).getBytes(StandardCharsets.UTF_8));
            names.write(0);
            if (names.size() >= PIECE) {
                bytes += append(names);
            }
        }
        bytes += append(names);
        file.end(List.of(bytes));
        file.finish();
    }

    private long append(ByteArrayOutputStream names) throws IOException {
        long bytes = names.size();
        file.append(ByteBuffer.wrap(names.toByteArray()));
        names.reset();
        return bytes;
    }
}
