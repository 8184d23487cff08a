package io.swav.evaluation;

import io.swav.data.DataSet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/** Writes the features of a data set's images to a file. The number of rows is known when all have been written. */
interface FeatureWriter {
    /** A file format for features. */
    enum FeatureFormat {
        Safetensors,
        Npy;

        /** The format that a file's name asks for: its suffix. */
        static FeatureFormat of(Path file) {
            return file.toString().toLowerCase(Locale.ROOT).endsWith(".npy") ? Npy : Safetensors;
        }

        FeatureWriter begin(FileChannel channel, int width, Map<String, String> metadata) throws IOException {
            return this == Npy ? new NpyFeatures(channel, width) : new SafetensorsFeatures(channel, width, metadata);
        }
    }

    /** Appends a row. */
    void row(ByteBuffer values) throws IOException;

    /**
     * Completes the file.
     *
     * @param samples of the rows
     */
    void finish(DataSet data, int[] samples) throws IOException;
}
