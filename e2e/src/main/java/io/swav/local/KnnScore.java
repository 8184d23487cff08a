package io.swav.local;

import ai.djl.ndarray.NDManager;
import io.swav.api.SwavJobSpec;
import io.swav.data.DataSet;
import io.swav.eval.EvalException;
import io.swav.eval.Features;
import io.swav.eval.Knn;
import io.swav.eval.Weights;
import io.swav.swav.Model;
import io.swav.tensor.Torch;
import java.nio.file.Path;
import java.util.Optional;

/** How good a job's backbone is: kNN top-1 on its evaluation pictures, among its training pictures. */
final class KnnScore {
    private KnnScore() {}

    /**
     * In percent.
     *
     * @param spec with data.evalUri
     * @param weights empty for the network before training
     */
    static double of(SwavJobSpec spec, Optional<Path> weights) {
        String test = spec.data().evalUri();
        if (test == null) {
            throw new IllegalArgumentException("spec.data.evalUri is missing");
        }
        Torch.start();
        try (NDManager manager = Torch.root();
                DataSet train = DataSet.open(spec.data().uri());
                DataSet evaluation = DataSet.open(test)) {
            Model model =
                    weights.isPresent() ? Weights.load(spec, weights.get(), manager) : Weights.untrained(spec, manager);
            int side = spec.crops().get(0).size();
            return Knn.DEFAULT.top1(Features.of(model, train, side), Features.of(model, evaluation, side));
        } catch (EvalException e) {
            throw new LocalClusterException(String.valueOf(e.getMessage()), e);
        }
    }
}
