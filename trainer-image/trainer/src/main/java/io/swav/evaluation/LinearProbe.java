package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.ExitCodes;
import io.swav.common.KeyedRandom;
import io.swav.data.WorkProgress;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A linear classifier on frozen features: softmax regression by SGD with momentum, with the learning rate following
 * half a cosine over the epochs (SwAV paper, appendix on linear evaluation). Features are computed once, from the
 * center view, instead of from fresh random crops in every epoch: faster, and slightly less accurate than the paper's
 * protocol. Batches are read from where the features lie, so memory is bounded whatever their number.
 */
public record LinearProbe(int epochs, double learningRate, double momentum, double weightDecay, int batch, long seed)
        implements Evaluation.Classifier {
    /** SwAV's settings; the learning rate is for batch 256. */
    public static final LinearProbe DEFAULT = new LinearProbe(100, 0.3, 0.9, 1e-6, 256, 31);

    /** The test rows of one product. */
    private static final int TEST_BATCH = 1024;

    @Override
    public double top1(FeatureMatrix train, FeatureMatrix test, WorkProgress.Follower follower) {
        int classes = Math.max(train.classes(), test.classes());
        try (NDManager manager = TorchRuntime.root()) {
            NDArray weightsCF = manager.zeros(new Shape(classes, train.width() + 1)); // the last column is the bias
            fit(manager, train, weightsCF, follower);
            return 100.0 * correct(manager, test, weightsCF) / test.rows();
        }
    }

    void fit(NDManager manager, FeatureMatrix train, NDArray weightsCF, WorkProgress.Follower follower) {
        NDArray velocityCF = manager.zeros(weightsCF.getShape());
        int[] order = new int[train.rows()];
        Arrays.setAll(order, i -> i);
        try (WorkProgress progress = follower.begin("linear probe", (long) epochs * order.length, "images");
                RowBatches batches = new RowBatches(train, batch)) {
            for (int epoch = 0; epoch < epochs; epoch++) {
                double rate = learningRate * 0.5 * (1 + Math.cos(Math.PI * epoch / epochs));
                shuffle(order, KeyedRandom.of(seed, epoch));
                batches.begin(order);
                while (batches.hasNext()) {
                    try (NDManager scope = manager.newSubManager()) {
                        RowBatches.Rows rows = batches.next(scope);
                        step(scope, rows, weightsCF, velocityCF, rate);
                        progress.advance(rows.count());
                    }
                }
                requireFinite(weightsCF, epoch);
            }
        }
    }

    private void step(NDManager scope, RowBatches.Rows rows, NDArray weightsCF, NDArray velocityCF, double rate) {
        NDArray scoresBC = TorchOps.linear(scope, Precision.FP32, rows.valuesBF(), weightsCF, Optional.empty());
        NDArray slopesBC = TorchOps.crossEntropyGradient(scope, scoresBC, rows.labelsB());
        NDArray gradientCF = TorchOps.matmulTransposed(scope, Precision.FP32, slopesBC, rows.valuesBF());
        TorchOps.scale(velocityCF, momentum);
        TorchOps.addScaled(velocityCF, gradientCF, 1);
        TorchOps.addScaled(velocityCF, weightsCF, weightDecay);
        TorchOps.addScaled(weightsCF, velocityCF, -rate);
    }

    private static void requireFinite(NDArray weights, int epoch) {
        if (!Double.isFinite(TorchOps.read(List.of(weights.norm()))[0])) {
            throw new EvalException(
                    ExitCodes.BAD_DATA,
                    "the linear probe diverged in epoch " + (epoch + 1)
                            + ": the features are too large for its learning rate, so there is no figure; check the"
                            + " weights, and that --config is the job that trained them");
        }
    }

    private static int correct(NDManager manager, FeatureMatrix test, NDArray weightsCF) {
        int[] order = new int[test.rows()];
        Arrays.setAll(order, i -> i);
        int correct = 0;
        try (RowBatches batches = new RowBatches(test, TEST_BATCH)) {
            batches.begin(order);
            for (int from = 0; batches.hasNext(); from += TEST_BATCH) {
                try (NDManager scope = manager.newSubManager()) {
                    NDArray valuesBF = batches.next(scope).valuesBF();
                    NDArray scoresBC = TorchOps.linear(scope, Precision.FP32, valuesBF, weightsCF, Optional.empty());
                    long[] best = scoresBC.argMax(1).toLongArray();
                    for (int i = 0; i < best.length; i++) {
                        correct += best[i] == test.label(from + i) ? 1 : 0;
                    }
                }
            }
        }
        return correct;
    }

    static void shuffle(int[] order, KeyedRandom random) {
        for (int i = order.length - 1; i > 0; i--) {
            int j = random.below(i + 1);
            int swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
    }
}
