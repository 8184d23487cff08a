package io.swav.evaluation;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.DataException;
import io.swav.data.DataSet;
import io.swav.model.Model;
import io.swav.numerics.Numerics;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** Measures a frozen backbone: a classifier learns from its features of labelled images and classifies others. */
public final class Evaluation implements AutoCloseable {
    /** The number of training images that {@link #quickKnn} searches, and of test images that it classifies. */
    private static final int QUICK_TRAIN = 10_000;

    private static final int QUICK_TEST = 2_000;

    /** A classifier that learns from features. */
    @FunctionalInterface
    public interface Classifier {
        /** The percentage of {@code test} that is classified correctly. */
        double top1(FeatureMatrix train, FeatureMatrix test);
    }

    private final DataSet train;
    private final DataSet test;
    private final int side;

    private Evaluation(DataSet train, DataSet test, int side) {
        this.train = train;
        this.test = test;
        this.side = side;
    }

    /**
     * Opens the data; views are as large as the spec's large crops.
     *
     * @throws DataException if the images are missing or cannot be read
     */
    public static Evaluation open(SwavJobSpec spec, String train, String test) {
        DataSet testData = DataSet.open(test, spec);
        try {
            return new Evaluation(
                    DataSet.open(train, spec), testData, spec.crops().get(0).size());
        } catch (RuntimeException e) {
            testData.close();
            throw e;
        }
    }

    /**
     * Opens the data and the weights, measures top-1 accuracy in percent, and closes them.
     *
     * @param weights a path as for {@link BackboneLoader#load}; empty for the network before training
     * @throws DataException if the images are missing, cannot be decoded or have no label
     * @throws EvalException if the weights cannot be used
     */
    public static double top1(
            SwavJobSpec spec, Optional<Path> weights, String train, String test, Classifier classifier)
            throws EvalException {
        Numerics.require(EnumSet.of(Precision.FP32));
        try (NDManager manager = TorchRuntime.root();
                Evaluation evaluation = open(spec, train, test)) {
            Model model = weights.isPresent()
                    ? BackboneLoader.load(spec, weights.get(), manager)
                    : BackboneLoader.untrained(spec, manager);
            return classifier.top1(
                    FeatureMatrix.of(model, evaluation.train, evaluation.side),
                    FeatureMatrix.of(model, evaluation.test, evaluation.side));
        }
    }

    /**
     * Measures kNN top-1 accuracy in percent. Large data sets are sampled, because a job waits for the result.
     *
     * @param stop polled between batches
     * @throws CancellationException if {@code stop} returned true
     * @throws DataException if an image cannot be decoded or has no label
     */
    public double quickKnn(Model model, BooleanSupplier stop) {
        return KnnClassifier.DEFAULT.top1(
                FeatureMatrix.of(model, train, side, QUICK_TRAIN, stop),
                FeatureMatrix.of(model, test, side, QUICK_TEST, stop));
    }

    @Override
    public void close() {
        train.close();
        test.close();
    }
}
