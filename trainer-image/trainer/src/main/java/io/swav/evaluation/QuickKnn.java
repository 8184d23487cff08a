package io.swav.evaluation;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.api.SwavJobSpec;
import io.swav.data.BadImageException;
import io.swav.data.ClassMatching;
import io.swav.data.DataException;
import io.swav.data.DataPresence;
import io.swav.data.DataSet;
import io.swav.data.WorkProgress;
import io.swav.model.Model;
import io.swav.torch.HostView;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/**
 * The kNN figure of a finished training, over samples of large data sets, because a job waits for it. The training set is
 * the one that the trainer has open; the test set is opened when the figure is computed, by the rank that computes it.
 */
public final class QuickKnn {
    /** The number of training images that are searched, and of test images that are classified. */
    private static final int TRAIN = 10_000;

    private static final int TEST = 2_000;

    private final SwavJobSpec spec;
    private final String test;

    private QuickKnn(SwavJobSpec spec, String test) {
        this.spec = spec;
        this.test = test;
    }

    /**
     * Prepares the figure over {@code test}. Only whether images can be there is looked at, so that a wrong place is
     * reported before training and not after days, at no cost in any pod.
     *
     * @throws DataException if there is nothing, or no place for images
     */
    public static QuickKnn of(SwavJobSpec spec, String test) {
        DataPresence.require(test);
        return new QuickKnn(spec, test);
    }

    /**
     * Measures top-1 accuracy in percent; samples are spread evenly over the data sets.
     *
     * @param train open
     * @param stop polled between batches
     * @throws CancellationException if {@code stop} returned true
     * @throws DataException if the test images cannot be opened, or an image cannot be decoded or has no label
     */
    public double top1(Model model, DataSet train, BooleanSupplier stop) {
        WorkProgress.Follower follower = (what, total, unit) -> units -> {
            if (stop.getAsBoolean()) {
                throw new CancellationException();
            }
        };
        follower.begin("", 0, "").advance(0);
        try (DataSet testData = DataSet.open(test, spec);
                NDManager host = TorchRuntime.host()) {
            return KnnClassifier.DEFAULT.top1(
                    features(host, model, train, TRAIN, follower),
                    features(host, model, ClassMatching.byName(train, testData), TEST, follower),
                    follower);
        }
    }

    private FeatureMatrix features(
            NDManager host, Model model, DataSet data, int atMost, WorkProgress.Follower follower) {
        long samples = data.size();
        int rows = (int) Math.min(samples, atMost);
        FeatureExtractor extractor =
                new FeatureExtractor(model, data, spec, spec.data().workers());
        NDArray array = host.create(new Shape(rows, extractor.width()), DataType.FLOAT32);
        ByteBuffer values = HostView.toFill(array).bytes();
        int[] labels = new int[rows];
        FeatureSink sink = new FeatureSink() {
            private int row;

            @Override
            public void row(int sample, ByteBuffer of) {
                values.put(of);
                labels[row++] = Evaluation.label(data, sample);
            }

            @Override
            public void bad(int sample, BadImageException why) {
                throw StoredFeatures.refusal(data, sample, why);
            }
        };
        try {
            extractor.run(row -> Math.toIntExact(row * samples / rows), rows, sink, follower.begin("", rows, ""));
        } catch (IOException e) {
            throw new UncheckedIOException("memory has no such errors", e);
        }
        return FeatureMatrix.of(extractor.width(), labels, values.clear());
    }
}
