package io.swav.evaluation;

import io.swav.data.BadImageException;
import io.swav.data.DataSet;
import io.swav.data.WorkProgress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import java.util.Map;

/** Computes the features of all images of a data set into a file. */
final class FeatureFile {
    /** Takes note of a sample that can never be decoded and is left out; or throws to end the work. */
    @FunctionalInterface
    interface BadSamples {
        void bad(int sample, BadImageException why);
    }

    private FeatureFile() {}

    /**
     * Writes a whole file.
     *
     * @param channel of an empty file, at its beginning; the caller closes it
     * @return the samples of the rows
     * @throws io.swav.data.DataException if an image cannot be read now
     * @throws IOException if the file cannot be written, or a feature is not finite
     */
    static int[] write(
            FileChannel channel,
            FeatureWriter.FeatureFormat format,
            FeatureExtractor extractor,
            DataSet data,
            Map<String, String> metadata,
            BadSamples badSamples,
            WorkProgress progress)
            throws IOException {
        FeatureWriter writer = format.begin(channel, extractor.width(), metadata);
        RowList rows = new RowList(writer, badSamples, new int[Evaluation.count(data)]);
        extractor.run(row -> row, rows.samples.length, rows, progress);
        int[] samples = Arrays.copyOf(rows.samples, rows.count);
        writer.finish(data, samples);
        return samples;
    }

    /** Writes rows, and lists their samples. */
    private static final class RowList implements FeatureSink {
        private final FeatureWriter writer;
        private final BadSamples badSamples;
        private final int[] samples;
        private int count;

        RowList(FeatureWriter writer, BadSamples badSamples, int[] samples) {
            this.writer = writer;
            this.badSamples = badSamples;
            this.samples = samples;
        }

        @Override
        public void row(int sample, ByteBuffer values) throws IOException {
            writer.row(values);
            samples[count++] = sample;
        }

        @Override
        public void bad(int sample, BadImageException why) {
            badSamples.bad(sample, why);
        }
    }
}
