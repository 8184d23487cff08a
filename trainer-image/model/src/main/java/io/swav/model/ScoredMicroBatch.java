package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A micro-batch after forward: its scores, and either the tape that backward needs or the images to compute it again.
 * The rows of its arrays are crop-major over its images.
 */
final class ScoredMicroBatch {
    /** A forward that was run for backward. */
    private record Graph(Tape tape, NDArray embeddingsBD) {}

    private final StepContext step;
    private final MicroBatch microBatch;
    /** The input of each pass; {@link #rows} holds its number of rows. */
    private final List<NDArray> passes;

    private final long[] rows;
    private final NDArray statistics;
    private final NDArray embeddingsBD;
    private final NDArray scoresBK;
    private Optional<Graph> graph = Optional.empty();

    /**
     * Runs forward.
     *
     * @param passes the input of each pass, (rows, 3, S, S)
     * @param keep whether to keep what backward needs; otherwise backward runs forward again
     */
    ScoredMicroBatch(StepContext step, MicroBatch microBatch, List<NDArray> passes, boolean keep) {
        this.step = step;
        this.microBatch = microBatch;
        this.passes = passes;
        this.rows = passes.stream().mapToLong(pass -> pass.getShape().get(0)).toArray();
        this.statistics = step.manager.zeros(new Shape(step.model.statisticsSize(passes.size())));
        Graph first = run(keep ? Tape.TapeMode.TRAIN : Tape.TapeMode.SCORE);
        first.embeddingsBD().attach(step.manager);
        this.embeddingsBD = first.embeddingsBD();
        this.scoresBK =
                // rounding errors here are divided by ε in Sinkhorn
                TorchOps.linear(step.manager, Precision.FP32, embeddingsBD, step.prototypesKD, Optional.empty());
        if (keep) {
            this.graph = Optional.of(first);
            passes.forEach(NDArray::close);
        } else {
            first.tape().close();
        }
    }

    private Graph run(Tape.TapeMode mode) {
        Tape tape = new Tape(step.manager, mode, step.settings.precision(), step.weights, microBatch.batchStatistics());
        return new Graph(tape, step.model.forward(tape, passes, statistics));
    }

    int firstGroup() {
        return microBatch.from();
    }

    int groups() {
        return microBatch.groups();
    }

    /** Returns roughly how many bytes are kept for backward, 0 if it runs forward again. */
    long keptBytes() {
        return graph.map(kept -> kept.tape().savedBytes()).orElse(0L);
    }

    /** Returns an array like the scores, with undefined values. */
    NDArray emptyLikeScores() {
        return TorchOps.emptyLike(step.manager, scoresBK);
    }

    /** Returns the embeddings of one group, (groupSize, D) for each of the first {@code crops} crops. */
    List<NDArray> embeddings(int group, int crops) {
        return perCrop(embeddingsBD, group, crops);
    }

    /** Returns the scores of one group, (groupSize, K) for each of the first {@code crops} crops. */
    List<NDArray> scores(int group, int crops) {
        return perCrop(scoresBK, group, crops);
    }

    /** Returns views of one group's rows of {@code array}, one for each of the first {@code crops} crops. */
    List<NDArray> perCrop(NDArray array, int group, int crops) {
        int size = step.settings.group();
        long images = (long) groups() * size;
        List<NDArray> views = new ArrayList<>();
        for (int crop = 0; crop < crops; crop++) {
            long from = crop * images + (long) (group - firstGroup()) * size;
            views.add(TorchOps.rows(step.manager, array, from, from + size));
        }
        return views;
    }

    /**
     * Runs backward and frees what it needed; to be called once.
     *
     * @param dScoresBK gradient of the scores, consumed
     * @param flat receives the gradients and, from the span's first micro-batch, its statistics; see {@link SumLayout}
     * @param done receives the name of every parameter whose gradient is complete in {@code flat}
     */
    void backward(NDArray dScoresBK, NDArray flat, Consumer<String> done) {
        Graph forward = graph.orElseGet(() -> {
            microBatch.batchStatistics().rewind();
            return run(Tape.TapeMode.TRAIN);
        });
        if (microBatch.first()) {
            try (NDArray place = step.layout.statistics(step.manager, flat)) {
                TorchOps.copy(statistics, place);
            }
        }
        NDManager manager = step.manager;
        try (Gradients gradients = new Gradients(manager, step.model.parameters, flat, done)) {
            gradients.add(
                    Model.PROTOTYPES,
                    TorchOps.matmulTransposed(manager, Precision.FP32, dScoresBK, forward.embeddingsBD()));
            NDArray dEmbeddingsBD =
                    TorchOps.matmul(forward.tape().manager, Precision.FP32, dScoresBK, step.prototypesKD);
            dScoresBK.close();
            step.model.backward(forward.tape(), gradients, dEmbeddingsBD, rows);
        }
        forward.tape().close();
        graph = Optional.empty();
        passes.forEach(NDArray::close);
    }
}
