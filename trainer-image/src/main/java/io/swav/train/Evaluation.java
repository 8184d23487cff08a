package io.swav.train;

import io.swav.api.SwavJobSpec;
import io.swav.data.DataException;
import io.swav.data.DataSet;
import io.swav.eval.Features;
import io.swav.eval.Knn;
import io.swav.swav.Model;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How good the backbone is when training has ended: kNN top-1 of spec.data.evalUri among spec.data.uri. Of large data sets a
 * part, for the job waits: the operator gives the last trainer two minutes.
 */
final class Evaluation implements AutoCloseable {
    /** Pictures to search, and to classify; {@code swav eval knn} takes all. */
    private static final int TRAIN = 10_000;

    private static final int TEST = 2_000;

    private final DataSet train;
    private final DataSet test;
    private final int side;

    private Evaluation(DataSet train, DataSet test, int side) {
        this.train = train;
        this.test = test;
        this.side = side;
    }

    /**
     * Null where the spec asks for none.
     *
     * @throws DataException when the pictures are not there: better now than after days
     */
    static @Nullable Evaluation open(SwavJobSpec spec) {
        String uri = spec.data().evalUri();
        if (uri == null) {
            return null;
        }
        DataSet test = DataSet.open(uri);
        try {
            return new Evaluation(
                    DataSet.open(spec.data().uri()), test, spec.crops().get(0).size());
        } catch (RuntimeException e) {
            test.close();
            throw e;
        }
    }

    /**
     * In percent.
     *
     * @param stop asked now and then
     * @throws java.util.concurrent.CancellationException when it is to stop
     * @throws DataException if a picture cannot be decoded or has no label
     */
    double top1(Model model, BooleanSupplier stop) {
        return Knn.DEFAULT.top1(
                Features.of(model, train, side, TRAIN, stop), Features.of(model, test, side, TEST, stop));
    }

    @Override
    public void close() {
        train.close();
        test.close();
    }
}
