package io.swav.trainer;

import io.swav.data.DataException;
import io.swav.evaluation.QuickKnn;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Computes the kNN figure of a finished training. */
final class FinalFigure {
    private static final Logger LOG = LoggerFactory.getLogger(FinalFigure.class);

    private FinalFigure() {}

    /** Evaluates the model after the other ranks have left and the state is saved: only a figure can be lost. */
    static void report(QuickKnn evaluation, TrainerComponents components) {
        TrainerProgress progress = components.progress();
        progress.state(progress.state(), progress.generation(), "evaluating on spec.data.evalUri");
        try {
            double top1 = evaluation.top1(
                    components.machine().network(), components.batches().data(), components.notice()::given);
            progress.knn(top1);
            LOG.info("kNN top-1 on spec.data.evalUri: {} %", String.format(Locale.ROOT, "%.2f", top1));
        } catch (CancellationException stopped) {
            LOG.warn("no kNN figure: SIGTERM arrived before it was ready; the operator sends it two minutes after"
                    + " the other trainers have ended. To get the figure, run swav eval knn");
        } catch (DataException e) {
            LOG.warn("no kNN figure: {}", e.getMessage());
        } catch (RuntimeException | Error e) { // from libtorch or the JVM, for example out of memory
            LOG.warn("no kNN figure, the evaluation failed. To get it, run swav eval knn", e);
        }
    }
}
