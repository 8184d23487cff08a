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

/** How good a frozen backbone is: labelled pictures to learn from, and others to classify by its features. */
public final class Evaluation implements AutoCloseable {
    /** Pictures that {@link #quickKnn} searches, and classifies. */
    private static final int QUICK_TRAIN = 10_000;

    private static final int QUICK_TEST = 2_000;

    /** What learns from features. */
    @FunctionalInterface
    public interface Classifier {
        /** The part of {@code test} that is classified rightly, in percent. */
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
     * With views as large as the spec's large crops.
     *
     * @throws DataException when the pictures are not there
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
     * Opens all that is needed, and closes it; in percent.
     *
     * @param weights as {@link BackboneLoader#load} takes them; empty for the network before training
     * @throws DataException if the pictures are not there, cannot be decoded or have no label
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
     * kNN top-1 in percent; of large data sets a part, for a job waits.
     *
     * @param stop asked now and then
     * @throws CancellationException when it is to stop
     * @throws DataException if a picture cannot be decoded or has no label
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
