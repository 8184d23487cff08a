package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.CommunicationThread;
import io.swav.collective.GroupRange;
import io.swav.torch.HostMemory;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One global step on one rank, up to the summed gradients; it reads the model and changes nothing in it.
 *
 * <p>One flat array travels for every group: [gradients of all parameters | batch statistics | loss | summed codes].
 * The array of this rank's last group is summed over ranks bucket by bucket while its backward runs.
 */
final class StepExecution implements AutoCloseable {
    private static final int LOSS = 16;
    private static final double NORMALIZE_EPSILON = 1e-12;

    private final StepSettings settings;
    private final Model model;
    private final ActivationBudget memory;
    private final NDManager manager;
    private final GroupRange[] runs;
    private final Collective collective;
    private final long globalStep;
    private final Consumer<StepPhase> watcher;
    private final NDArray prototypes;
    private final Map<String, NDArray> weights;
    private final List<MicroBatchWork> works = new ArrayList<>();
    private int resolutions;
    private @Nullable NDArray agreed;
    private GradientSum.@Nullable OpenSum sum;
    private @Nullable CommunicationThread sums;
    private @Nullable NDArray total;
    private Larc.@Nullable Norms norms;

    /**
     * A micro-batch in progress: its scores, and either the tape that backward needs or the images to compute it again.
     */
    private final class MicroBatchWork {
        final MicroBatch microBatch;
        /** The input of each pass; {@link #rows} holds its number of rows. */
        final List<NDArray> passes;

        final long[] rows;
        final NDArray statistics;
        NDArray scores;
        NDArray embedding;
        Optional<Graph> graph = Optional.empty();
        List<List<NDArray>> codes = List.of();

        MicroBatchWork(MicroBatch microBatch, List<NDArray> passes) {
            this.microBatch = microBatch;
            this.passes = passes;
            this.rows =
                    passes.stream().mapToLong(pass -> pass.getShape().get(0)).toArray();
            this.statistics = manager.zeros(new Shape(model.statisticsSize(passes.size())));
            this.scores = statistics;
            this.embedding = statistics;
        }

        int images() {
            return microBatch.groups() * settings.group();
        }

        /**
         * Returns the rows of one crop of one group from an array whose rows are crop-major over the micro-batch's
         * images.
         */
        NDArray rows(NDArray array, int crop, int group) {
            long from = (long) crop * images() + (long) (group - microBatch.from()) * settings.group();
            return TorchOps.rows(manager, array, from, from + settings.group());
        }
    }

    private record Graph(Tape tape, NDArray embedding) {}

    StepExecution(
            StepSettings settings,
            Model model,
            ActivationBudget memory,
            NDManager parent,
            GroupRange[] runs,
            Collective collective,
            long globalStep,
            Consumer<StepPhase> watcher) {
        this.settings = settings;
        this.model = model;
        this.memory = memory;
        this.manager = parent.newSubManager();
        this.runs = runs.clone();
        this.collective = collective;
        this.globalStep = globalStep;
        this.watcher = watcher;
        NDArray raw = model.weight(Model.PROTOTYPES);
        try (NDArray lengths = raw.norm(new int[] {1}, true)) {
            TorchOps.atLeast(lengths, NORMALIZE_EPSILON);
            this.prototypes = raw.div(lengths);
            prototypes.attach(manager);
        }
        this.weights = new LinkedHashMap<>(model.weightViews);
        weights.put(Model.PROTOTYPES, prototypes);
    }

    long globalStep() {
        return globalStep;
    }

    int resolutions() {
        return resolutions;
    }

    /** Returns the L2-normalised prototypes that this step scores with. */
    NDArray prototypes() {
        return prototypes;
    }

    /** Returns the summed flat array. */
    NDArray total() {
        NDArray done = total;
        if (done == null) {
            throw new IllegalStateException("averageGradients comes before apply");
        }
        return done;
    }

    /** Computes the scores of all micro-batches; graphs are kept if memory allows. */
    void forward(Learner.CropSource crops) {
        long kept = 0;
        for (MicroBatch microBatch : MicroBatch.of(manager, runs, collective, settings.span())) {
            watcher.accept(StepPhase.DECODE);
            List<List<NDArray>> perGroup = new ArrayList<>();
            for (int group = microBatch.from(); group < microBatch.to(); group++) {
                perGroup.add(crops.group(manager, group));
            }
            watcher.accept(StepPhase.FORWARD);
            MicroBatchWork work =
                    new MicroBatchWork(microBatch, MicroBatch.passes(manager, settings.crops(), perGroup));
            resolutions = work.rows.length;
            boolean keep = memory.keepsAnother(kept);
            Graph graph = run(work, keep ? Tape.TapeMode.TRAIN : Tape.TapeMode.SCORE);
            graph.embedding().attach(manager);
            work.embedding = graph.embedding();
            work.scores =
                    // rounding errors here are divided by ε in Sinkhorn
                    TorchOps.linear(manager, Precision.FP32, graph.embedding(), prototypes, Optional.empty());
            if (keep) {
                work.graph = Optional.of(graph);
                work.passes.forEach(NDArray::close);
                kept += graph.tape().savedBytes();
                memory.learned(graph.tape().savedBytes());
            } else {
                graph.tape().close();
            }
            works.add(work);
        }
        if (!prototypes.getDevice().isGpu()) {
            HostMemory.trim(); // memory peaks here: forward has freed as much as the gradient needs
        }
    }

    private Graph run(MicroBatchWork work, Tape.TapeMode mode) {
        Tape tape = new Tape(manager, mode, settings.precision(), weights, work.microBatch.batchStatistics());
        return new Graph(tape, model.forward(tape, work.passes, work.statistics));
    }

    /** Computes the codes of all groups by Sinkhorn over the global batch. */
    void assign(long vote) {
        watcher.accept(StepPhase.SINKHORN);
        List<List<NDArray>> scores = new ArrayList<>();
        for (MicroBatchWork work : works) {
            for (int group = work.microBatch.from(); group < work.microBatch.to(); group++) {
                List<NDArray> assigned = new ArrayList<>();
                for (int crop = 0; crop < settings.assigned(); crop++) {
                    assigned.add(work.rows(work.scores, crop, group));
                }
                scores.add(assigned);
            }
        }
        List<List<NDArray>> codes = settings.sinkhorn().codes(manager, scores, new RankReduction(vote));
        int next = 0;
        for (MicroBatchWork work : works) {
            work.codes = codes.subList(next, next + work.microBatch.groups());
            next += work.microBatch.groups();
        }
    }

    /** The reductions of Sinkhorn; the vote travels with the maximum. */
    private final class RankReduction implements Sinkhorn.Reduction {
        private final long vote;

        RankReduction(long vote) {
            this.vote = vote;
        }

        @Override
        public void max(NDArray values) {
            try (NDManager scope = manager.newSubManager()) {
                long size = values.size();
                NDArray both = scope.zeros(new Shape(size + 1), DataType.FLOAT64);
                NDArray negated = values.neg();
                TorchOps.copy(negated, TorchOps.rows(scope, both, 0, size));
                negated.close();
                NDArray last = TorchOps.rows(manager, both, size, size + 1);
                TorchOps.fill(last, (double) vote);
                collective.allReduceMin(both);
                agreed = last;
                NDArray highest = TorchOps.rows(scope, both, 0, size);
                TorchOps.scale(highest, -1);
                TorchOps.copy(highest, values);
            }
        }

        @Override
        public NDArray sum(List<NDArray> perGroup) {
            // small, so it is summed in one order in either mode: backward amplifies what rounding does to a code
            GradientSum rows = GradientSum.inOneOrder(settings.groups(), runs[collective.rank()]);
            perGroup.forEach(rows::add);
            return rows.total(collective, runs);
        }
    }

    /** Computes loss and backward of every micro-batch, and frees each one's graph after it. */
    void backward() {
        watcher.accept(StepPhase.BACKWARD);
        // with local batch norm every micro-batch is one group, and the one order costs nothing: then Fast gives the
        // same bits too
        boolean rounded = settings.gradients() == Precision.BF16;
        GradientSum flats = settings.bitwise() || (settings.span() == 1 && !rounded)
                ? GradientSum.inOneOrder(settings.groups(), runs[collective.rank()])
                : GradientSum.acrossRanks(works.size(), rounded ? model.parameters.size() : 0);
        long size = codesAt() + model.architecture().prototypes();
        for (MicroBatchWork work : works.subList(0, works.size() - 1)) {
            NDArray flat = flat(size);
            backward(work, flat, name -> {});
            flats.add(flat);
        }
        NDArray flat = flat(size);
        GradientSum.OpenSum open = flats.last(flat, runs);
        sum = open;
        CommunicationThread background = new CommunicationThread(collective);
        sums = background;
        GradientBuckets buckets = new GradientBuckets(
                model.parameters,
                size,
                settings.bucketBytes(),
                (from, to) -> background.run(line -> open.reduce(line, from, to)));
        backward(works.get(works.size() - 1), flat, buckets::done);
        if (!buckets.complete()) {
            throw new IllegalStateException("backward has left out a parameter");
        }
    }

    /**
     * Allocates the flat array. Backward writes every slot, and frees activations meanwhile: memory is not taken for
     * both.
     */
    private NDArray flat(long size) {
        NDArray flat = TorchOps.empty(manager, size);
        model.parameters.clearGaps(flat);
        return flat;
    }

    /** @param done receives the name of every parameter whose gradient is complete in {@code flat} */
    private void backward(MicroBatchWork work, NDArray flat, Consumer<String> done) {
        NDArray dScores = loss(work, flat);
        Graph graph = work.graph.orElseGet(() -> {
            work.microBatch.batchStatistics().rewind();
            return run(work, Tape.TapeMode.TRAIN);
        });
        if (work.microBatch.first()) {
            try (NDArray place = TorchOps.view(manager, flat, model.parameters.size(), work.statistics.size())) {
                TorchOps.copy(work.statistics, place);
            }
        }
        try (Gradients gradients = new Gradients(manager, model.parameters, flat, done)) {
            gradients.add(
                    Model.PROTOTYPES, TorchOps.matmulTransposed(manager, Precision.FP32, dScores, graph.embedding()));
            NDArray dEmbedding = TorchOps.matmul(graph.tape().manager, Precision.FP32, dScores, prototypes);
            dScores.close();
            model.backward(graph.tape(), gradients, dEmbedding, work.rows);
        }
        graph.tape().close();
        work.graph = Optional.empty();
        work.passes.forEach(NDArray::close);
    }

    /** Writes the micro-batch's loss and code sums into {@code flat}; returns d loss / d scores. */
    private NDArray loss(MicroBatchWork work, NDArray flat) {
        SwappedPrediction prediction = new SwappedPrediction(
                settings.temperature(), settings.allCrops(), settings.assigned(), settings.batch());
        NDArray gradients = TorchOps.emptyLike(manager, work.scores);
        try (NDManager scope = manager.newSubManager()) {
            NDArray loss = TorchOps.view(scope, flat, lossAt());
            NDArray used =
                    TorchOps.view(scope, flat, codesAt(), model.architecture().prototypes());
            for (int group = work.microBatch.from(); group < work.microBatch.to(); group++) {
                List<NDArray> codes = work.codes.get(group - work.microBatch.from());
                List<NDArray> scores = new ArrayList<>();
                List<NDArray> slopes = new ArrayList<>();
                for (int crop = 0; crop < settings.allCrops(); crop++) {
                    scores.add(work.rows(work.scores, crop, group));
                    slopes.add(work.rows(gradients, crop, group));
                }
                loss.addi(prediction.group(scope, scores, codes, slopes));
                for (NDArray code : codes) {
                    NDArray sums = code.sum(new int[] {0});
                    used.addi(sums);
                    sums.close();
                }
                scores.forEach(NDArray::close);
                slopes.forEach(NDArray::close);
            }
        }
        return gradients;
    }

    /** Waits for the sums over all groups of all ranks, and for the device: the only such wait in a step. */
    StepResult average() {
        GradientSum.OpenSum open = sum;
        CommunicationThread background = sums;
        NDArray vote = agreed;
        if (open == null || background == null || vote == null) {
            throw new IllegalStateException("lossAndGradients comes before averageGradients");
        }
        background.await();
        collective.synchronize();
        NDArray flat = open.total();
        total = flat;
        Larc.Norms measured = norms(flat);
        norms = measured;
        double[] seen;
        try (NDManager scope = manager.newSubManager()) {
            seen = TorchOps.read(List.of(
                    TorchOps.view(scope, flat, lossAt()),
                    vote,
                    sum(scope, measured.parameters()),
                    sum(scope, measured.gradients()),
                    TorchOps.view(scope, flat, codesAt(), model.architecture().prototypes())));
        }
        if (!Double.isFinite(seen[0])) {
            throw new NotFiniteException("the loss", globalStep);
        }
        if (!Double.isFinite(seen[2]) || !Double.isFinite(seen[3])) {
            throw new NotFiniteException("a gradient", globalStep);
        }
        return new StepResult(seen[0], perplexity(Arrays.copyOfRange(seen, 4, seen.length)), (long) seen[1]);
    }

    private static NDArray sum(NDManager scope, NDArray values) {
        NDArray all = values.sum();
        all.attach(scope);
        return all;
    }

    private Larc.Norms norms(NDArray flat) {
        try (NDManager scope = manager.newSubManager()) {
            Map<String, NDArray> gradients = moved().views(scope, flat, 0);
            List<NDArray> moving = weights.entrySet().stream()
                    .filter(weight -> gradients.containsKey(weight.getKey()))
                    .map(Map.Entry::getValue)
                    .toList();
            return Larc.Norms.of(manager, moving, List.copyOf(gradients.values()));
        }
    }

    /**
     * Returns the layout of the parameters that this step changes: all, or those before the prototypes while these are
     * frozen.
     */
    FlatLayout moved() {
        boolean frozen = globalStep < settings.frozenSteps();
        return frozen ? model.parameters.before(Model.PROTOTYPES) : model.parameters;
    }

    /** Returns the norms of the changed parameters; valid after {@link #average}. */
    Larc.Norms norms() {
        Larc.Norms measured = norms;
        if (measured == null) {
            throw new IllegalStateException("averageGradients comes before apply");
        }
        return measured;
    }

    /** Returns the communication times; valid after {@link #average}. */
    CommunicationTimes communication() {
        CommunicationThread background = sums;
        return background == null
                ? CommunicationTimes.NONE
                : new CommunicationTimes(background.pieces(), background.waited());
    }

    /** Returns the results for every crop of this rank's groups, see {@link Learner#outputs}. */
    List<Learner.Output> outputs() {
        List<Learner.Output> outputs = new ArrayList<>();
        for (MicroBatchWork work : works) {
            for (int group = work.microBatch.from(); group < work.microBatch.to(); group++) {
                List<NDArray> embeddings = new ArrayList<>();
                List<NDArray> scores = new ArrayList<>();
                for (int crop = 0; crop < settings.allCrops(); crop++) {
                    embeddings.add(work.rows(work.embedding, crop, group));
                    scores.add(work.rows(work.scores, crop, group));
                }
                outputs.add(new Learner.Output(
                        group, embeddings, scores, List.copyOf(work.codes.get(group - work.microBatch.from()))));
            }
        }
        return outputs;
    }

    private static double perplexity(double[] sums) {
        double mass = 0;
        for (double sum : sums) {
            mass += sum;
        }
        double entropy = 0;
        for (double sum : sums) {
            if (sum > 0) {
                entropy -= sum / mass * Math.log(sum / mass);
            }
        }
        return Math.exp(entropy);
    }

    private long lossAt() {
        return model.parameters.size() + model.statisticsSize(resolutions);
    }

    private long codesAt() {
        return lossAt() + LOSS;
    }

    /** Stops the sums in progress first, because this frees their arrays. */
    @Override
    public void close() {
        try (manager) { // the manager is closed last
            if (sums != null) {
                sums.close();
            }
        }
    }
}
