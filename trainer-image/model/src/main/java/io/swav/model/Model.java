package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.common.KeyedRandom;
import io.swav.torch.Precision;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.zip.CRC32;

/**
 * The network's weights and running statistics, and its forward passes. Names are torchvision's for the backbone,
 * {@code projection_head.N.*} and {@code prototypes.weight} for the rest.
 */
public final class Model {
    static final String PROTOTYPES = "prototypes.weight";
    private static final String COUNTER = ".num_batches_tracked";
    private static final String MEAN = ".running_mean";

    private final Architecture architecture;
    private final NDManager root;
    final FlatLayout parameters = new FlatLayout();
    final FlatLayout buffers = new FlatLayout();
    private final Backbone backbone;
    private final ProjectionHead head;
    /** Elements of the flat buffers that belong to the backbone; the head's follow. */
    final long backboneBuffers;

    final NDArray weights;
    final NDArray statistics;
    /**
     * The number of batches that each batch norm has seen, INT64, in the order of {@link #norms}: the backbone's, then the
     * head's if it has one.
     */
    final NDArray counters;

    /** For each parameter, in order: 0 for biases and for weights of batch norm, 1 for others; (n) FLOAT64. */
    final NDArray matrices;

    private final List<String> norms = new ArrayList<>();
    final Map<String, NDArray> weightViews;
    private final Map<String, NDArray> statisticViews;

    /**
     * Creates a model of zeros; {@link #initialize} or {@link #load} sets its values. Everything belongs to {@code
     * root}.
     */
    public Model(Architecture architecture, NDManager root) {
        TorchRuntime.start();
        this.architecture = architecture;
        this.root = root;
        this.backbone = new Backbone(architecture, parameters, buffers);
        this.backboneBuffers = buffers.size();
        this.head = new ProjectionHead(architecture, parameters, buffers);
        parameters.add(PROTOTYPES, architecture.prototypes(), architecture.features());
        for (FlatLayout.ParameterSlot slot : buffers.slots()) {
            if (slot.name().endsWith(MEAN)) {
                norms.add(slot.name().substring(0, slot.name().length() - MEAN.length()));
            }
        }
        this.weights = root.zeros(new Shape(parameters.size()));
        this.statistics = root.zeros(new Shape(buffers.size()));
        this.counters = root.zeros(new Shape(norms.size()), DataType.INT64);
        this.matrices = matrices(root);
        this.weightViews = parameters.views(root, weights, 0);
        this.statisticViews = buffers.views(root, statistics, 0);
    }

    private NDArray matrices(NDManager manager) {
        List<Double> flags = new ArrayList<>();
        for (FlatLayout.ParameterSlot slot : parameters.slots()) {
            flags.add(slot.shape().dimension() > 1 ? 1.0 : 0.0);
        }
        return manager.create(flags.stream().mapToDouble(flag -> flag).toArray());
    }

    public Architecture architecture() {
        return architecture;
    }

    NDArray weight(String name) {
        NDArray weight = weightViews.get(name);
        if (weight == null) {
            throw new IllegalStateException("no parameter named " + name);
        }
        return weight;
    }

    /** Returns every array of the model by name, sharing the model's storage: writing to them changes the model. */
    public Map<String, NDArray> state() {
        Map<String, NDArray> state = new LinkedHashMap<>(weightViews);
        state.putAll(statisticViews);
        for (int i = 0; i < norms.size(); i++) {
            state.put(norms.get(i) + COUNTER, TorchOps.view(root, counters, i));
        }
        return state;
    }

    /**
     * Loads all values from {@code state}, on any device.
     *
     * @throws IllegalArgumentException naming the entries that are missing or of another shape; nothing is changed then
     */
    public void load(Map<String, NDArray> state) {
        Map<String, NDArray> own = state();
        copyAll(state, own);
    }

    /** Copies all arrays by name, or none. */
    static void copyAll(Map<String, NDArray> from, Map<String, NDArray> to) {
        List<String> wrong = new ArrayList<>();
        List<Runnable> copies = new ArrayList<>();
        to.forEach((name, target) -> {
            NDArray source = from.get(name);
            if (source == null) {
                wrong.add(name + " is missing");
            } else if (!source.getShape().equals(target.getShape())) {
                wrong.add(name + " is " + source.getShape() + ", expected " + target.getShape());
            } else {
                copies.add(() -> TorchOps.copy(source, target));
            }
        });
        if (!wrong.isEmpty()) {
            throw new IllegalArgumentException("this state does not fit the model: " + String.join(", ", wrong));
        }
        copies.forEach(Runnable::run);
    }

    /**
     * Initializes the weights, with the same bits for one seed on every machine: convolutions normal with variance
     * 2/(out·k·k), linear layers uniform within 1/√in, batch norms 1 and 0, running statistics 0 and 1.
     */
    public void initialize(long seed) {
        for (FlatLayout.ParameterSlot slot : parameters.slots()) {
            float[] values = initial(slot, seed);
            try (NDArray fresh = root.create(values, slot.shape())) {
                TorchOps.copy(fresh, weight(slot.name()));
            }
        }
        statisticViews.forEach((name, view) -> {
            try (NDArray fresh = name.endsWith(MEAN) ? root.zeros(view.getShape()) : root.ones(view.getShape())) {
                TorchOps.copy(fresh, view);
            }
        });
        TorchOps.fill(counters, 0);
    }

    private float[] initial(FlatLayout.ParameterSlot slot, long seed) {
        CRC32 name = new CRC32();
        name.update(slot.name().getBytes(StandardCharsets.UTF_8));
        KeyedRandom random = KeyedRandom.ofState(seed * 0x9E3779B97F4A7C15L + name.getValue());
        Shape shape = slot.shape();
        float[] values = new float[Math.toIntExact(shape.size())];
        if (shape.dimension() == 4) {
            double std = Math.sqrt(2.0 / (shape.get(0) * shape.get(2) * shape.get(3)));
            for (int i = 0; i < values.length; i++) {
                double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
                values[i] = (float) (std * radius * StrictMath.cos(2 * StrictMath.PI * random.nextDouble()));
            }
        } else if (shape.dimension() == 2 || ProjectionHead.isBias(slot.name())) {
            long in = shape.dimension() == 2 ? shape.get(1) : head.inputs(slot.name());
            double bound = 1 / Math.sqrt((double) in);
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (bound * (2 * random.nextDouble() - 1));
            }
        } else if (slot.name().endsWith(".weight")) {
            Arrays.fill(values, 1f);
        }
        return values;
    }

    /** Returns the backbone's pooled features in eval mode: (B, 3, S, S) to (B, F), attached to {@code manager}. */
    public NDArray features(NDManager manager, NDArray images) {
        try (Lanes lanes = lanes(manager, Tape.TapeMode.EVAL)) {
            lanes.pass(statisticViews);
            NDArray featuresBF = backbone.forward(lanes, List.of(images)).get(0);
            featuresBF.attach(manager);
            return featuresBF;
        }
    }

    /** Returns embeddings in eval mode, rows of norm 1: (B, 3, S, S) to (B, D), attached to {@code manager}. */
    public NDArray embed(NDManager manager, NDArray images) {
        try (Lanes lanes = lanes(manager, Tape.TapeMode.EVAL)) {
            lanes.pass(statisticViews);
            NDArray embeddingsBD = head.forward(lanes, backbone.forward(lanes, List.of(images)))
                    .get(0);
            embeddingsBD.attach(manager);
            return embeddingsBD;
        }
    }

    /**
     * Returns embeddings as a training step of one group computes them, with the batch's own statistics, and updates
     * the running statistics as such a step does.
     *
     * @param resolutions (rows, 3, S, S) each
     * @return (all rows, D), attached to {@code manager}
     */
    public NDArray embedTraining(NDManager manager, List<NDArray> resolutions) {
        try (NDManager scope = manager.newSubManager();
                Lanes lanes = lanes(scope, Tape.TapeMode.SCORE)) {
            NDArray batch = scope.zeros(new Shape(statisticsSize(resolutions.size())));
            NDArray embeddingsBD =
                    forward(lanes, List.of(resolutions), batch, pooled -> {}).get(0);
            embeddingsBD.attach(manager);
            update(batch, resolutions.size());
            return embeddingsBD;
        }
    }

    private Lanes lanes(NDManager manager, Tape.TapeMode mode) {
        return Lanes.of(new Tape(manager, mode, Precision.FP32, weightViews));
    }

    /** Returns the elements of the batch statistics of a step with this many resolutions. */
    long statisticsSize(int resolutions) {
        return resolutions * backboneBuffers + buffers.size() - backboneBuffers;
    }

    /**
     * Runs the training forward: the backbone once for each resolution, the head once over everything.
     *
     * @param perGroup for each group, for each resolution, (rows, 3, S, S)
     * @param batchStatistics flat, {@link #statisticsSize} elements: receives every batch norm's mean and unbiased
     *     variance, the backbone's once for each resolution, then the head's; kept until backward has run
     * @param pooled receives the backbone's features of each group's first resolution, (rows, F)
     * @return embeddings of each group, (all rows, D), on its tape
     */
    List<NDArray> forward(
            Lanes lanes, List<List<NDArray>> perGroup, NDArray batchStatistics, Consumer<List<NDArray>> pooled) {
        int resolutions = perGroup.get(0).size();
        List<List<NDArray>> features = new ArrayList<>();
        for (int r = 0; r < resolutions; r++) {
            int of = r;
            lanes.pass(statisticsOf(
                    batchStatistics.getManager(), batchStatistics, r * backboneBuffers, r == resolutions - 1));
            features.add(backbone.forward(
                    lanes, perGroup.stream().map(passes -> passes.get(of)).toList()));
        }
        pooled.accept(features.get(0));
        List<NDArray> joined = new ArrayList<>();
        for (int lane = 0; lane < perGroup.size(); lane++) {
            int of = lane;
            List<NDArray> passes = features.stream().map(pass -> pass.get(of)).toList();
            joined.add(TorchOps.concat(lanes.tapes().get(lane).manager, passes, 0));
        }
        return head.forward(lanes, joined); // the last resolution's statistics lie directly before the head's
    }

    private Map<String, NDArray> statisticsOf(NDManager scope, NDArray flat, long base, boolean withHead) {
        Map<String, NDArray> views = new LinkedHashMap<>();
        for (FlatLayout.ParameterSlot slot : buffers.slots()) {
            if (withHead || slot.offset() < backboneBuffers) {
                views.put(
                        slot.name(),
                        TorchOps.view(
                                scope, flat, base + slot.offset(), slot.shape().getShape()));
            }
        }
        return views;
    }

    /**
     * Runs backward.
     *
     * @param dysBD gradient of each group's embeddings, consumed
     * @param rows the resolutions' numbers of rows in a group
     */
    void backward(Lanes lanes, List<NDArray> dysBD, long[] rows) {
        List<NDArray> dxsBF = head.backward(lanes, dysBD);
        long end = dxsBF.get(0).getShape().get(0);
        lanes.tapes().forEach(tape -> tape.gradients().passes(rows.length));
        for (int r = rows.length - 1; r >= 0; r--) {
            long to = end;
            long from = to - rows[r];
            backbone.backward(
                    lanes,
                    lanes.map(
                            dxsBF,
                            (tape, dx) -> TorchOps.clone(tape.manager, TorchOps.rows(tape.manager, dx, from, to))));
            end = from;
        }
        dxsBF.forEach(NDArray::close);
    }

    /**
     * Updates the running statistics after a step: once for each pass, old + .1·(batch − old).
     *
     * @param batchStatistics mean over the spans of batch norm, laid out as in {@link #forward}
     */
    void update(NDArray batchStatistics, int resolutions) {
        try (NDManager scope = root.newSubManager()) {
            NDArray ofBackbone = TorchOps.view(scope, statistics, 0, backboneBuffers);
            for (int r = 0; r < resolutions; r++) {
                blend(ofBackbone, TorchOps.view(scope, batchStatistics, r * backboneBuffers, backboneBuffers));
            }
            long size = buffers.size() - backboneBuffers;
            blend(
                    TorchOps.view(scope, statistics, backboneBuffers, size),
                    TorchOps.view(scope, batchStatistics, resolutions * backboneBuffers, size));
            int ofHead = architecture.headNorm() ? 1 : 0;
            TorchOps.add(TorchOps.rows(scope, counters, 0, norms.size() - ofHead), resolutions);
            TorchOps.add(TorchOps.rows(scope, counters, norms.size() - ofHead, norms.size()), ofHead);
        }
    }

    private static void blend(NDArray running, NDArray batch) {
        TorchOps.scale(running, 1 - BatchNorm.UPDATE);
        TorchOps.addScaled(running, batch, BatchNorm.UPDATE);
    }
}
