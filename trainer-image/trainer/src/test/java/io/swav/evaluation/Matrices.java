package io.swav.evaluation;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/** Makes matrices of features for tests. */
final class Matrices {
    private Matrices() {}

    static FeatureMatrix of(int width, float[] values, int[] labels) {
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(values.length * Float.BYTES).order(ByteOrder.nativeOrder());
        bytes.asFloatBuffer().put(values);
        return FeatureMatrix.of(width, labels, bytes);
    }

    /** Classes around random directions that overlap; the lengths of rows carry no information. */
    static FeatureMatrix overlapping(int rows, int width, int classes, double noise, long seed) {
        SplittableRandom directions = new SplittableRandom(classes);
        float[] centers = new float[classes * width];
        for (int i = 0; i < centers.length; i++) {
            centers[i] = (float) directions.nextDouble(-1, 1);
        }
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[rows * width];
        int[] labels = new int[rows];
        for (int row = 0; row < rows; row++) {
            labels[row] = random.nextInt(classes);
            double length = 0.1 + 3 * random.nextDouble();
            for (int i = 0; i < width; i++) {
                double value = centers[labels[row] * width + i] + noise * random.nextDouble(-1, 1);
                values[row * width + i] = (float) (length * value);
            }
        }
        return of(width, values, labels);
    }

    static float[] values(FeatureMatrix matrix) {
        ByteBuffer bytes = ByteBuffer.allocateDirect(matrix.rows() * matrix.width() * Float.BYTES)
                .order(ByteOrder.nativeOrder());
        matrix.read(0, matrix.rows(), bytes);
        float[] values = new float[matrix.rows() * matrix.width()];
        bytes.clear().order(ByteOrder.nativeOrder()).asFloatBuffer().get(values);
        return values;
    }
}
