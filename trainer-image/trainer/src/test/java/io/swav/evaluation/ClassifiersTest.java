package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.common.KeyedRandom;
import io.swav.data.WorkProgress;
import io.swav.torch.TorchRuntime;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compares the classifiers with plain loops in double precision. */
class ClassifiersTest {
    @TempDir
    private Path folder;

    /** Several tiles of training rows, several chunks of test rows, and no round number of either. */
    @Test
    void knnClassifiesAsPlainLoopsDo() {
        FeatureMatrix train = Matrices.overlapping(8192 + 1234, 24, 7, 2.5, 1);
        FeatureMatrix test = Matrices.overlapping(1024 + 77, 24, 7, 2.5, 2);
        double expected = plainKnn(train, test, 20, 0.07);
        assertThat(expected).isBetween(40.0, 95.0);
        assertThat(new KnnClassifier(20, 0.07).top1(train, test, WorkProgress.Follower.NONE))
                .isEqualTo(expected);
        assertThat(new KnnClassifier(1, 0.07).top1(train, test, WorkProgress.Follower.NONE))
                .isEqualTo(plainKnn(train, test, 1, 0.07));
    }

    @Test
    void knnMeasuresSeveralSettingsInOnePass() {
        FeatureMatrix train = Matrices.overlapping(700, 24, 7, 2.5, 1);
        FeatureMatrix test = Matrices.overlapping(300, 24, 7, 2.5, 2);
        List<KnnClassifier> settings = List.of(
                new KnnClassifier(200, 0.1),
                new KnnClassifier(1, 0.07),
                new KnnClassifier(20, 0.07),
                new KnnClassifier(20, 5),
                new KnnClassifier(9000, 0.07));
        assertThat(KnnClassifier.top1(settings, train, test, WorkProgress.Follower.NONE))
                .containsExactlyElementsOf(settings.stream()
                        .map(one -> plainKnn(train, test, Math.min(one.k(), 700), one.temperature()))
                        .toList())
                .doesNotHaveDuplicates();
    }

    @Test
    void knnTakesAllRowsIfThereAreFewerThanNeighbors() {
        FeatureMatrix train = Matrices.overlapping(50, 8, 3, 0.5, 1);
        FeatureMatrix test = Matrices.overlapping(40, 8, 3, 0.5, 2);
        assertThat(new KnnClassifier(500, 0.07).top1(train, test, WorkProgress.Follower.NONE))
                .isEqualTo(plainKnn(train, test, 50, 0.07));
    }

    @Test
    void knnEndsWhenItIsTold() {
        FeatureMatrix rows = Matrices.overlapping(50, 8, 3, 0.5, 1);
        assertThatThrownBy(() -> KnnClassifier.DEFAULT.top1(rows, rows, (what, total, unit) -> units -> {
                    throw new CancellationException();
                }))
                .isInstanceOf(CancellationException.class);
    }

    /**
     * Values beyond an int's range ended ImageNet's 1,281,167 x 2048 features. The file is a hole except for its last
     * rows, so it takes no room.
     */
    @Test
    void readsRowsBeyondTwoToThe31Values() throws Exception {
        int width = 2048;
        int rows = 1_281_167;
        try (FileChannel file = FileChannel.open(
                folder.resolve("features"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            ByteBuffer row = ByteBuffer.allocate(width * Float.BYTES).order(ByteOrder.nativeOrder());
            for (int last = rows - 3; last < rows; last++) {
                row.putFloat(17 * Float.BYTES, last - rows);
                file.write(row.clear(), 40 + (long) last * width * Float.BYTES);
            }
            FeatureMatrix matrix = FeatureMatrix.of(width, new int[rows], file, 40);
            ByteBuffer read = ByteBuffer.allocateDirect(3 * width * Float.BYTES).order(ByteOrder.nativeOrder());
            matrix.read(rows - 3, 3, read);
            assertThat(read.getFloat((2 * width + 17) * Float.BYTES)).isEqualTo(-1);
            assertThat(read.getFloat(17 * Float.BYTES)).isEqualTo(-3);
            matrix.readNormalized(rows - 3, 3, read.clear());
            assertThat(read.getFloat(17 * Float.BYTES)).isEqualTo(-1);
            TorchRuntime.start();
            try (NDManager manager = NDManager.newBaseManager("PyTorch");
                    RowBatches batches = new RowBatches(matrix, 2)) {
                batches.begin(new int[] {rows - 2, 5, rows - 1});
                float[] first = batches.next(manager).valuesBF().toFloatArray();
                assertThat(first[17]).isEqualTo(-2);
                assertThat(first[width]).as("the bias's input").isEqualTo(1);
                assertThat(first[width + 1 + 17]).isZero();
                assertThat(batches.next(manager).valuesBF().toFloatArray()[17]).isEqualTo(-1);
                assertThat(batches.hasNext()).isFalse();
            }
        }
    }

    @Test
    void aFileThatBecomesShorterIsReported() throws Exception {
        try (FileChannel file = FileChannel.open(
                folder.resolve("features"),
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            FeatureMatrix matrix = FeatureMatrix.of(8, new int[100], file, 0);
            assertThatThrownBy(() -> new KnnClassifier(1, 1).top1(matrix, matrix, WorkProgress.Follower.NONE))
                    .isInstanceOf(EvalException.class)
                    .hasMessageContaining("the file ends at byte 0");
            assertThatThrownBy(() -> LinearProbe.DEFAULT.top1(matrix, matrix, WorkProgress.Follower.NONE))
                    .isInstanceOf(EvalException.class)
                    .hasMessageContaining("the file ends at byte");
        }
    }

    @Test
    void linearProbeLearnsTheWeightsOfPlainLoops() {
        FeatureMatrix train = Matrices.overlapping(700, 12, 4, 1.5, 1);
        LinearProbe probe = new LinearProbe(6, 0.3, 0.9, 1e-3, 64, 31);
        TorchRuntime.start();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray weightsCF = manager.zeros(new Shape(4, 13));
            probe.fit(manager, train, weightsCF, WorkProgress.Follower.NONE);
            float[] learned = weightsCF.toFloatArray();
            double[] expected = plainProbe(train, 4, probe);
            double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
            assertThat(largest).isGreaterThan(0.5);
            for (int i = 0; i < expected.length; i++) {
                assertThat((double) learned[i])
                        .as("weight %d", i)
                        .isCloseTo(expected[i], Offset.offset(1e-4 * largest));
            }
        }
    }

    @Test
    void linearProbeClassifiesWithTheBias() {
        float[] values = {1, 1, 1, 1};
        FeatureMatrix same = Matrices.of(1, values, new int[] {0, 1, 1, 1});
        assertThat(LinearProbe.DEFAULT.top1(same, same, WorkProgress.Follower.NONE))
                .isEqualTo(75);
    }

    @Test
    void aProbeThatDivergesHasNoFigure() {
        FeatureMatrix huge = Matrices.of(2, new float[] {1e30f, 1, -1e30f, 1, 1, 1e30f}, new int[] {0, 1, 0});
        assertThatThrownBy(() -> LinearProbe.DEFAULT.top1(huge, huge, WorkProgress.Follower.NONE))
                .isInstanceOf(EvalException.class)
                .hasMessageContaining("diverged in epoch 1");
    }

    private static double plainKnn(FeatureMatrix train, FeatureMatrix test, int k, double temperature) {
        double[] trainRows = normalized(train);
        double[] testRows = normalized(test);
        int width = train.width();
        int correct = 0;
        for (int row = 0; row < test.rows(); row++) {
            double[] similarity = new double[train.rows()];
            for (int other = 0; other < train.rows(); other++) {
                for (int i = 0; i < width; i++) {
                    similarity[other] += testRows[row * width + i] * trainRows[other * width + i];
                }
            }
            double[] votes = new double[train.classes()];
            IntStream.range(0, train.rows())
                    .boxed()
                    .sorted(Comparator.comparingDouble(other -> -similarity[other]))
                    .limit(k)
                    .forEach(other -> votes[train.label(other)] += Math.exp((similarity[other] - 1) / temperature));
            int winner = 0;
            for (int c = 1; c < votes.length; c++) {
                winner = votes[c] > votes[winner] ? c : winner;
            }
            correct += winner == test.label(row) ? 1 : 0;
        }
        return 100.0 * correct / test.rows();
    }

    private static double[] normalized(FeatureMatrix matrix) {
        float[] values = Matrices.values(matrix);
        double[] rows = new double[values.length];
        for (int row = 0; row < matrix.rows(); row++) {
            double squares = 0;
            for (int i = 0; i < matrix.width(); i++) {
                double value = values[row * matrix.width() + i];
                squares += value * value;
            }
            for (int i = 0; i < matrix.width(); i++) {
                rows[row * matrix.width() + i] = values[row * matrix.width() + i] / Math.sqrt(squares);
            }
        }
        return rows;
    }

    private static double[] plainProbe(FeatureMatrix train, int classes, LinearProbe probe) {
        float[] values = Matrices.values(train);
        int width = train.width();
        double[] weights = new double[classes * (width + 1)];
        double[] velocity = new double[weights.length];
        int[] order = IntStream.range(0, train.rows()).toArray();
        for (int epoch = 0; epoch < probe.epochs(); epoch++) {
            double rate = probe.learningRate() * 0.5 * (1 + Math.cos(Math.PI * epoch / probe.epochs()));
            LinearProbe.shuffle(order, KeyedRandom.of(probe.seed(), epoch));
            for (int from = 0; from < order.length; from += probe.batch()) {
                int to = Math.min(from + probe.batch(), order.length);
                double[] gradient = new double[weights.length];
                for (int i = from; i < to; i++) {
                    double[] input = new double[width + 1];
                    for (int f = 0; f < width; f++) {
                        input[f] = values[order[i] * width + f];
                    }
                    input[width] = 1;
                    double[] scores = new double[classes];
                    for (int c = 0; c < classes; c++) {
                        for (int f = 0; f <= width; f++) {
                            scores[c] += weights[c * (width + 1) + f] * input[f];
                        }
                    }
                    double sum = Arrays.stream(scores).map(Math::exp).sum();
                    for (int c = 0; c < classes; c++) {
                        double slope = Math.exp(scores[c]) / sum - (c == train.label(order[i]) ? 1 : 0);
                        for (int f = 0; f <= width; f++) {
                            gradient[c * (width + 1) + f] += slope * input[f] / (to - from);
                        }
                    }
                }
                for (int w = 0; w < weights.length; w++) {
                    velocity[w] = probe.momentum() * velocity[w] + gradient[w] + probe.weightDecay() * weights[w];
                    weights[w] -= rate * velocity[w];
                }
            }
        }
        return weights;
    }
}
