package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * A micro-batch after forward: the scores of its groups, and either the tapes that backward needs or the images to compute
 * them again. The rows of a group's arrays are crop-major over its images.
 */
final class ScoredMicroBatch {
    /** A forward that was run for backward. */
    private record Graph(Lanes lanes, List<NDArray> embeddingsBD) {}

    private final StepContext step;
    private final MicroBatch microBatch;
    /** For each group the input of each pass; {@link #rows} holds its number of rows. */
    private final List<List<NDArray>> passes;

    private final boolean recompute;
    private final long[] rows;
    private final NDArray statistics;
    private final List<NDArray> embeddingsBD;
    private final List<NDArray> scoresBK;
    private Optional<Graph> graph = Optional.empty();

    /**
     * Runs forward.
     *
     * @param passes for each group, the input of each pass, (rows, 3, S, S)
     * @param keep whether to keep what backward needs; otherwise backward runs forward again
     * @param recompute whether backward runs blocks again, see {@link Lanes#recompute}
     */
    ScoredMicroBatch(
            StepContext step, MicroBatch microBatch, List<List<NDArray>> passes, boolean keep, boolean recompute) {
        this.step = step;
        this.microBatch = microBatch;
        this.passes = passes;
        this.recompute = recompute;
        this.rows =
                passes.get(0).stream().mapToLong(pass -> pass.getShape().get(0)).toArray();
        this.statistics = step.manager.zeros(new Shape(step.model.statisticsSize(rows.length)));
        Graph first = run(keep ? Tape.TapeMode.TRAIN : Tape.TapeMode.SCORE, this::sampleFeatures);
        this.embeddingsBD = first.embeddingsBD();
        embeddingsBD.forEach(group -> group.attach(step.manager));
        this.scoresBK = embeddingsBD.stream()
                // rounding errors here are divided by ε in Sinkhorn
                .map(group -> TorchOps.linear(step.manager, Precision.FP32, group, step.prototypesKD, Optional.empty()))
                .toList();
        if (keep) {
            this.graph = Optional.of(first);
            closePasses();
        } else {
            first.lanes().close();
        }
    }

    private void sampleFeatures(List<NDArray> pooled) {
        if (microBatch.from() == 0) {
            step.sampleFeatures(pooled.get(0));
        }
    }

    private Graph run(Tape.TapeMode mode, Consumer<List<NDArray>> pooled) {
        List<Tape> tapes = IntStream.range(0, groups())
                .mapToObj(i -> new Tape(step.manager, mode, step.settings.precision(), step.weights))
                .toList();
        Lanes lanes = new Lanes(tapes, microBatch.batchStatistics(), recompute);
        return new Graph(lanes, step.model.forward(lanes, passes, statistics, pooled));
    }

    private void closePasses() {
        passes.forEach(group -> group.forEach(NDArray::close));
    }

    int firstGroup() {
        return microBatch.from();
    }

    int groups() {
        return microBatch.groups();
    }

    /** Returns roughly how many bytes are kept for backward, 0 if it runs forward again. */
    long keptBytes() {
        return graph.map(kept -> kept.lanes().savedBytes()).orElse(0L);
    }

    /** Returns an array like the scores of each group, with undefined values. */
    List<NDArray> emptyLikeScores() {
        return scoresBK.stream()
                .map(group -> TorchOps.emptyLike(step.manager, group))
                .toList();
    }

    /** Returns the embeddings of one group, (groupSize, D) for each of the first {@code crops} crops. */
    List<NDArray> embeddings(int group, int crops) {
        return perCrop(embeddingsBD.get(group - firstGroup()), crops);
    }

    /** Returns the scores of one group, (groupSize, K) for each of the first {@code crops} crops. */
    List<NDArray> scores(int group, int crops) {
        return perCrop(scoresBK.get(group - firstGroup()), crops);
    }

    /** Returns views of a group's rows, one for each of the first {@code crops} crops. */
    List<NDArray> perCrop(NDArray ofGroup, int crops) {
        int size = step.settings.group();
        List<NDArray> views = new ArrayList<>();
        for (int crop = 0; crop < crops; crop++) {
            views.add(TorchOps.rows(step.manager, ofGroup, (long) crop * size, (crop + 1L) * size));
        }
        return views;
    }

    /**
     * Runs backward and frees what it needed; to be called once.
     *
     * @param dScoresBK gradient of the scores of each group, consumed
     * @param flats receive the gradients of each group and, in that of the span's first group, its statistics; see {@link
     *     SumLayout}
     * @param done receives the name of every parameter whose gradients are complete in all of {@code flats}
     */
    void backward(List<NDArray> dScoresBK, List<NDArray> flats, Consumer<String> done) {
        Graph forward = graph.orElseGet(() -> {
            microBatch.batchStatistics().rewind(0);
            return run(Tape.TapeMode.TRAIN, pooled -> {});
        });
        if (microBatch.first()) {
            try (NDArray place = step.layout.statistics(step.manager, flats.get(0))) {
                TorchOps.copy(statistics, place);
            }
        }
        Lanes lanes = forward.lanes();
        List<Gradients> gradients = gradients(flats, done);
        for (int i = 0; i < groups(); i++) {
            lanes.tapes().get(i).into(gradients.get(i));
            gradients
                    .get(i)
                    .add(
                            Model.PROTOTYPES,
                            TorchOps.matmulTransposed(
                                    step.manager,
                                    Precision.FP32,
                                    dScoresBK.get(i),
                                    forward.embeddingsBD().get(i)));
        }
        List<NDArray> dEmbeddingsBD = lanes.map(dScoresBK, (tape, slope) -> {
            NDArray dy = TorchOps.matmul(tape.manager, Precision.FP32, slope, step.prototypesKD);
            slope.close();
            return dy;
        });
        step.model.backward(lanes, dEmbeddingsBD, rows);
        gradients.forEach(Gradients::close);
        lanes.close();
        graph = Optional.empty();
        closePasses();
    }

    /** The last group in a layer's order reports: then the gradients of all are there. */
    private List<Gradients> gradients(List<NDArray> flats, Consumer<String> done) {
        int last = flats.size() - 1;
        return IntStream.rangeClosed(0, last)
                .mapToObj(i ->
                        new Gradients(step.manager, step.model.parameters, flats.get(i), i == last ? done : name -> {}))
                .toList();
    }
}
