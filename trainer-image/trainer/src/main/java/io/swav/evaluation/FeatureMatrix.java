package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.data.CenterCrop;
import io.swav.data.DataException;
import io.swav.data.DataSet;
import io.swav.model.Model;
import io.swav.torch.HostView;
import io.swav.torch.TorchRuntime;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** The pooled features of a labelled data set, computed by a frozen backbone: one row per image. */
public final class FeatureMatrix {
    private static final int BATCH = 100;

    private final int width;
    private final float[] values;
    private final int[] labels;

    /**
     * @param values rows · width, row-major
     * @param labels at least 0
     */
    FeatureMatrix(int width, float[] values, int[] labels) {
        this.width = width;
        this.values = values;
        this.labels = labels;
    }

    /** Returns a copy whose rows are scaled to norm 1. */
    FeatureMatrix normalized() {
        float[] scaled = values.clone();
        for (int row = 0; row < labels.length; row++) {
            normalize(scaled, row * width, width);
        }
        return new FeatureMatrix(width, scaled, labels);
    }

    /**
     * Runs the backbone in eval mode over the center view of every image.
     *
     * @param side of the square view, as of the large crops of training
     * @throws DataException if an image cannot be decoded or has no label
     */
    public static FeatureMatrix of(Model model, DataSet data, int side) {
        return of(model, data, side, data.size(), () -> false);
    }

    /**
     * Runs the backbone over at most {@code atMost} images, spread evenly over the data set.
     *
     * @param atMost all images if the data set has no more
     * @param stop polled between batches
     * @throws CancellationException if {@code stop} returned true
     * @throws DataException if an image cannot be decoded or has no label
     */
    public static FeatureMatrix of(Model model, DataSet data, int side, int atMost, BooleanSupplier stop) {
        int rows = Math.min(data.size(), atMost);
        int width = model.architecture().width();
        float[] values = new float[Math.multiplyExact(rows, width)];
        int[] labels = new int[rows];
        CenterCrop view = new CenterCrop(side);
        try (NDManager manager = TorchRuntime.root()) {
            for (int from = 0; from < rows; from += BATCH) {
                if (stop.getAsBoolean()) {
                    throw new CancellationException();
                }
                int count = Math.min(BATCH, rows - from);
                try (NDManager scope = manager.newSubManager()) {
                    NDArray images = scope.create(new Shape(count, 3, side, side), DataType.FLOAT32);
                    HostView host = HostView.toFill(images);
                    var pixels = host.bytes().asFloatBuffer();
                    for (int i = 0; i < count; i++) {
                        int sample = Math.toIntExact((long) (from + i) * data.size() / rows);
                        view.read(data, sample, pixels);
                        labels[from + i] = label(data, sample);
                    }
                    host.store();
                    float[] features = model.features(scope, images).toFloatArray();
                    System.arraycopy(features, 0, values, from * width, features.length);
                }
            }
        }
        return new FeatureMatrix(width, values, labels);
    }

    private static int label(DataSet data, int sample) {
        int label = data.label(sample);
        if (label < 0) {
            throw DataException.badData(
                    data.name(sample) + " has no label; evaluation needs .cls entries in tar shards, or class folders");
        }
        return label;
    }

    private static void normalize(float[] values, int from, int width) {
        double squares = 0;
        for (int i = from; i < from + width; i++) {
            squares += (double) values[i] * values[i];
        }
        float scale = (float) (1 / Math.max(Math.sqrt(squares), 1e-12));
        for (int i = from; i < from + width; i++) {
            values[i] *= scale;
        }
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

    float[] values() {
        return values;
    }

    /**
     * The inner product of a row of this and a row of {@code other}, with four accumulators, so that additions need not
     * wait for each other.
     */
    float dot(int row, FeatureMatrix other, int otherRow) {
        int a = row * width;
        int b = otherRow * width;
        float s0 = 0;
        float s1 = 0;
        float s2 = 0;
        float s3 = 0;
        int i = 0;
        for (; i + 3 < width; i += 4) {
            s0 += values[a + i] * other.values[b + i];
            s1 += values[a + i + 1] * other.values[b + i + 1];
            s2 += values[a + i + 2] * other.values[b + i + 2];
            s3 += values[a + i + 3] * other.values[b + i + 3];
        }
        for (; i < width; i++) {
            s0 += values[a + i] * other.values[b + i];
        }
        return (s0 + s1) + (s2 + s3);
    }
}
