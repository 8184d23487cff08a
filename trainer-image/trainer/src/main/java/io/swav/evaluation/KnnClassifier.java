package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.data.WorkProgress;
import io.swav.torch.HostView;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Weighted nearest neighbors by cosine similarity (Wu et al.: "Unsupervised feature learning via non-parametric
 * instance discrimination", 2018, section 3.4): each of the k nearest training images votes for its class with weight
 * exp(similarity / temperature). Of equally similar training images, those of the lower rows are nearer; of equal votes,
 * the lower class wins.
 *
 * <p>Similarities are matrix products of tiles: a block of test rows stays on the device, and the training rows pass by,
 * so memory is bounded whatever the number of rows.
 *
 * @param k number of neighbors
 */
public record KnnClassifier(int k, double temperature) implements Evaluation.Classifier {
    /** The settings of every result in this project unless stated otherwise. */
    public static final KnnClassifier DEFAULT = new KnnClassifier(20, 0.07);

    /** The training rows of one product. */
    private static final int TILE = 8192;
    /** The test rows of one product. */
    private static final int CHUNK = 1024;
    /** The limit on the values of a block of test rows, 512 MB. */
    private static final long BLOCK_VALUES = 128L << 20;
    /** The limit on the neighbors of a block of test rows, 64 MB of heap. */
    private static final long BLOCK_NEIGHBORS = 8L << 20;

    public KnnClassifier {
        if (k < 1 || !(temperature > 0)) {
            throw new IllegalArgumentException(
                    "k is " + k + ", temperature " + temperature + ": both must be positive");
        }
    }

    @Override
    public double top1(FeatureMatrix train, FeatureMatrix test, WorkProgress.Follower follower) {
        return top1(List.of(this), train, test, follower).get(0);
    }

    /** Returns the percentage of {@code test} that each of some settings classifies correctly; images are compared once. */
    static List<Double> top1(
            List<KnnClassifier> settings, FeatureMatrix train, FeatureMatrix test, WorkProgress.Follower follower) {
        int most = settings.stream().mapToInt(KnnClassifier::k).max().orElseThrow();
        int neighbors = Math.min(most, train.rows());
        int classes = train.classes();
        int block = (int) Math.max(1, Math.min(BLOCK_VALUES / test.width(), BLOCK_NEIGHBORS / neighbors));
        int[] correct = new int[settings.size()];
        try (WorkProgress progress = follower.begin("comparing", (long) test.rows() * train.rows(), "pairs of images");
                NDManager manager = TorchRuntime.root();
                NDManager host = TorchRuntime.host()) {
            NDArray buffer = host.create(new Shape(Math.min(TILE, train.rows()), train.width()), DataType.FLOAT32);
            for (int from = 0; from < test.rows(); from += block) {
                int count = Math.min(block, test.rows() - from);
                NearestRows nearest = new NearestRows(count, neighbors);
                try (NDManager scope = manager.newSubManager()) {
                    compare(scope, chunks(scope, test, from, count), train, buffer, nearest, progress);
                }
                for (int row = 0; row < count; row++) {
                    for (int of = 0; of < correct.length; of++) {
                        int winner = settings.get(of).vote(nearest, row, train, classes);
                        correct[of] += winner == test.label(from + row) ? 1 : 0;
                    }
                }
            }
        }
        return Arrays.stream(correct)
                .mapToObj(count -> 100.0 * count / test.rows())
                .toList();
    }

    /** Returns normalized test rows [from, from + count) on the device, in chunks. */
    private static List<NDArray> chunks(NDManager manager, FeatureMatrix test, int from, int count) {
        List<NDArray> chunks = new ArrayList<>();
        for (int at = 0; at < count; at += CHUNK) {
            int rows = Math.min(CHUNK, count - at);
            NDArray chunk = manager.create(new Shape(rows, test.width()), DataType.FLOAT32);
            HostView host = HostView.toFill(chunk);
            test.readNormalized(from + at, rows, host.bytes());
            host.store();
            chunks.add(chunk);
        }
        return chunks;
    }

    private static void compare(
            NDManager manager,
            List<NDArray> chunks,
            FeatureMatrix train,
            NDArray buffer,
            NearestRows nearest,
            WorkProgress progress) {
        for (int first = 0; first < train.rows(); first += TILE) {
            int rows = Math.min(TILE, train.rows() - first);
            HostView host = HostView.toFill(buffer);
            train.readNormalized(first, rows, host.bytes());
            try (NDManager scope = manager.newSubManager()) {
                NDArray tile = onDevice(scope, TorchOps.rows(scope, buffer, 0, rows));
                for (int chunk = 0; chunk < chunks.size(); chunk++) {
                    try (NDManager products = scope.newSubManager()) {
                        NDArray scoresQT =
                                TorchOps.linear(products, Precision.FP32, chunks.get(chunk), tile, Optional.empty());
                        nearest.add(products, scoresQT, chunk * CHUNK, first);
                        progress.advance(scoresQT.size());
                    }
                }
            }
        }
    }

    private static NDArray onDevice(NDManager manager, NDArray host) {
        if (!TorchRuntime.onGpu()) {
            return host;
        }
        NDArray there = manager.create(host.getShape(), DataType.FLOAT32);
        TorchOps.copy(host, there);
        return there;
    }

    private int vote(NearestRows nearest, int row, FeatureMatrix train, int classes) {
        double[] votes = new double[classes];
        for (int i = 0; i < Math.min(k, nearest.count()); i++) {
            votes[train.label(nearest.neighbor(row, i))] += Math.exp((nearest.similarity(row, i) - 1) / temperature);
        }
        int winner = 0;
        for (int c = 1; c < votes.length; c++) {
            winner = votes[c] > votes[winner] ? c : winner;
        }
        return winner;
    }
}
