package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.SwavJobSpec;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.torch.HostMemory;
import io.swav.torch.HostView;
import io.swav.torch.TorchOps;
import io.swav.torch.TorchRuntime;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongToDoubleFunction;
import java.util.function.LongUnaryOperator;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * SwAV's training state and its global step: {@link #lossAndGradients}, {@link #averageGradients}, {@link #apply}. All
 * collectives are in the first two, all writes to the state in the last, so a step that fails half-way leaves
 * parameters, momentum, running statistics and queue as they were. Not thread-safe: one thread at a time.
 */
public final class Learner implements TrainStep {
    /**
     * Momentum is compared once in so many steps. A difference in it becomes one of the weights with the next step, and is
     * noticed there, unless rounding swallows it or the prototypes are frozen.
     */
    private static final long COMPARE_MOMENTUM_EVERY = 16;

    /** Elements of an array that can be viewed, and sent, as bytes at once: a gibibyte of FLOAT32. */
    private static final long PIECE = 1L << 28;
    /** The name of the queue's rows in {@link #optimizer}. */
    public static final String QUEUE = "queue";

    private final StepSettings settings;
    private final LongToDoubleFunction learningRate;
    private final LongUnaryOperator epochOf;
    private final NDManager root;
    private final Model network;
    private final NDArray momentum;
    private final Map<String, NDArray> momentumViews;
    private final NDArray owners;
    private final ActivationBudget memory;
    private final Optional<FeatureQueue> queue;
    private final List<NDArray> pieces;
    /** Of the initial weights; null for zeros. */
    private @Nullable Long seed;

    private Optional<OpenStep> open = Optional.empty();
    private CommunicationTimes communication = CommunicationTimes.NONE;
    private Consumer<StepPhase> watcher = phase -> {};

    /**
     * Creates a learner with fresh weights from spec.training.seed.
     *
     * @param learningRate of every global step, counted from 0
     * @param epochOf the epoch of every global step, both counted from 0
     */
    public Learner(SwavJobSpec spec, LongToDoubleFunction learningRate, LongUnaryOperator epochOf, NDManager root) {
        this(StepSettings.of(spec), Architecture.of(spec.model()), learningRate, epochOf, root, new ActivationBudget());
        TorchRuntime.setThreads(spec.training().threads());
        this.seed = spec.training().seed();
        network.initialize(seed);
    }

    /** Creates a learner whose weights are zeros until they are loaded; all its steps are of epoch 0. */
    public Learner(
            StepSettings settings, Architecture architecture, LongToDoubleFunction learningRate, NDManager parent) {
        this(settings, architecture, learningRate, step -> 0, parent, new ActivationBudget());
    }

    Learner(
            StepSettings settings,
            Architecture architecture,
            LongToDoubleFunction learningRate,
            LongUnaryOperator epochOf,
            NDManager parent,
            ActivationBudget memory) {
        this.settings = settings;
        this.learningRate = learningRate;
        this.epochOf = epochOf;
        this.memory = memory;
        this.root = parent.newSubManager();
        this.network = new Model(architecture, root);
        this.momentum = root.zeros(new Shape(network.parameters.size()));
        this.momentumViews = network.parameters.views(root, momentum, 0);
        this.owners = network.parameters.owners(root);
        this.queue = settings.queue().isOn()
                ? Optional.of(new FeatureQueue(
                        settings.groups(),
                        settings.assigned(),
                        settings.queue().steps(),
                        settings.group(),
                        architecture.features(),
                        root))
                : Optional.empty();
        List<NDArray> all = new ArrayList<>(List.of(network.weights, momentum, network.statistics, network.counters));
        queue.map(FeatureQueue::state).ifPresent(all::add);
        this.pieces =
                all.stream().flatMap(array -> pieces(array, PIECE).stream()).toList();
    }

    /** Sets a listener that is called at the beginning of every phase, on the training thread. */
    public void watch(Consumer<StepPhase> to) {
        watcher = to;
    }

    @Override
    public Model network() {
        return network;
    }

    @Override
    public Map<String, NDArray> model() {
        return network.state();
    }

    /** Returns SGD's momentum by parameter name, and the queue's rows, sharing this learner's storage. */
    @Override
    public Map<String, NDArray> optimizer() {
        if (queue.isEmpty()) {
            return Collections.unmodifiableMap(momentumViews);
        }
        Map<String, NDArray> all = new LinkedHashMap<>(momentumViews);
        all.put(QUEUE, queue.get().rows());
        return Collections.unmodifiableMap(all);
    }

    @Override
    public List<NDArray> state() {
        queue.ifPresent(FeatureQueue::state); // the caller may write to its rows
        return pieces;
    }

    /** Returns an array that has up to {@code most} elements, or views of as many of a flat one. */
    static List<NDArray> pieces(NDArray array, long most) {
        if (array.size() <= most) {
            return List.of(array);
        }
        List<NDArray> pieces = new ArrayList<>();
        for (long from = 0; from < array.size(); from += most) {
            pieces.add(TorchOps.view(array.getManager(), array, from, Math.min(most, array.size() - from)));
        }
        return pieces;
    }

    /**
     * Loads a checkpoint's arrays.
     *
     * @throws IllegalArgumentException naming what is missing or of another shape
     */
    public void load(Map<String, NDArray> modelState, Map<String, NDArray> optimizer) {
        Model.copyAll(optimizer, optimizer());
        network.load(modelState);
    }

    /**
     * Returns the CRC-32C of each array of {@link #state}, as a long each; the queue's is the upper half of the last one,
     * so that a digest has one length with a queue and without. It is computed in every change of the world,
     * while all ranks wait. SHA-256 would take eight times as long for the same purpose: to detect whether two
     * processes hold the same bits.
     */
    @Override
    public byte[] digest() {
        List<NDArray> arrays = List.of(network.weights, momentum, network.statistics, network.counters);
        ByteBuffer sums = ByteBuffer.allocate(Long.BYTES * arrays.size());
        for (NDArray array : arrays.subList(0, arrays.size() - 1)) {
            sums.putLong(checksum(array));
        }
        long ofQueue = queue.map(FeatureQueue::compared).map(Learner::checksum).orElse(0L);
        sums.putLong(ofQueue << Integer.SIZE | checksum(network.counters));
        return sums.array();
    }

    private static long checksum(NDArray array) {
        return checksum(array, array.size());
    }

    /** Returns the CRC-32C of the first {@code count} elements. */
    private static long checksum(NDArray array, long count) {
        CRC32C sum = new CRC32C();
        for (long from = 0; from < count; from += PIECE) {
            sum.update(HostView.of(array, from, Math.min(PIECE, count - from)).bytes());
        }
        return sum.getValue();
    }

    @Override
    public void reset() {
        discard();
        TorchOps.fill(momentum, 0);
        queue.map(FeatureQueue::state).ifPresent(rows -> TorchOps.fill(rows, 0));
        if (seed == null) {
            state().forEach(array -> TorchOps.fill(array, 0));
        } else {
            network.initialize(seed);
        }
    }

    @Override
    public List<NotFiniteValue> inspect(CropSource crops, GroupRange own, long globalStep) {
        discard();
        List<NotFiniteValue> inState = NotFiniteValue.ofState(model(), optimizer());
        if (!inState.isEmpty()) {
            return inState;
        }
        List<NotFiniteValue> found = new ArrayList<>();
        GroupRange[] runs = {new GroupRange(0, 1)};
        for (int group = own.from(); group < own.to(); group++) {
            try (Collective alone = new SoloCollective();
                    StepContext trial = new StepContext(
                            settings.smallest(),
                            network,
                            memory,
                            root,
                            runs,
                            alone,
                            globalStep,
                            phase -> {},
                            Optional.empty())) {
                GroupInspection.of(trial, crops, group).ifPresent(found::add);
            }
        }
        HostMemory.trim();
        return found;
    }

    /** Runs a step over group 0 as if it were the batch, and drops it before it changes anything. */
    @Override
    public String warmUp(CropSource crops) {
        StepSettings small = settings.smallest();
        GroupRange[] runs = {new GroupRange(0, 1)};
        try (Collective alone = new SoloCollective();
                StepContext trial =
                        new StepContext(small, network, memory, root, runs, alone, 0, phase -> {}, Optional.empty())) {
            Reduced reduced =
                    Forward.of(trial, crops).assign(0, List.of()).backward().await();
            return fingerprint(reduced);
        } finally {
            HostMemory.trim(); // the first real step would not find room in the memory that this one has freed
        }
    }

    private String fingerprint(Reduced reduced) {
        HexFormat hex = HexFormat.of();
        return hex.toHexDigits((int) checksum(reduced.total(), network.parameters.size()))
                + hex.toHexDigits(Double.hashCode(reduced.result().loss()));
    }

    /**
     * Runs forward over this rank's groups, computes codes over the global batch, loss and backward.
     *
     * @throws io.swav.collective.CollectiveException if a peer is lost
     */
    @Override
    public void lossAndGradients(
            CropSource crops, GroupRange[] runs, Collective collective, long globalStep, long vote) {
        discard();
        Optional<QueueStep> ofQueue = queue.map(rows -> new QueueStep(
                rows, epochOf.applyAsLong(globalStep) >= settings.queue().fromEpoch()));
        StepContext step =
                new StepContext(settings, network, memory, root, runs, collective, globalStep, watcher, ofQueue);
        try {
            open = Optional.of(
                    Forward.of(step, crops).assign(vote, compared(step)).backward());
        } finally {
            if (open.isEmpty()) {
                step.close();
            }
        }
    }

    /** Returns what the ranks compare in a step: what forward reads and checkpoints keep, and sometimes all of the state. */
    private List<NDArray> compared(StepContext step) {
        if (step.collective.size() == 1) {
            return List.of();
        }
        List<NDArray> compared = new ArrayList<>(List.of(network.weights, network.statistics, network.counters));
        if (step.globalStep % COMPARE_MOMENTUM_EVERY == 0) {
            compared.add(1, momentum);
        }
        queue.map(FeatureQueue::compared).ifPresent(compared::add);
        return compared;
    }

    /**
     * Waits for gradients, statistics and loss summed over all ranks.
     *
     * @throws NotFiniteException on every rank alike if the loss, a gradient, a parameter or a batch statistic is NaN or
     *     infinite; nothing has changed, and the step can be computed again
     * @throws io.swav.collective.CollectiveException if a peer is lost; nothing of the step is in progress then
     */
    @Override
    public StepResult averageGradients() {
        watcher.accept(StepPhase.REDUCE);
        boolean whole = false;
        try {
            Reduced reduced = open(Reducing.class).await();
            if (reduced.notFinite().isPresent()) {
                throw new NotFiniteException(reduced.notFinite().get(), reduced.step().globalStep);
            }
            open = Optional.of(reduced);
            communication = reduced.communication();
            whole = true;
            return reduced.result();
        } finally {
            if (!whole) {
                discard();
            }
        }
    }

    /** Returns the times of the last {@link #averageGradients} and of the sums before it. */
    public CommunicationTimes communication() {
        return communication;
    }

    /**
     * One group of the step in progress; the arrays live until {@link #apply} or {@link #discard}.
     *
     * @param embeddingsBD for each crop, (groupSize, D)
     * @param scoresBK for each crop, (groupSize, K)
     * @param codesBK for each assigned crop, (groupSize, K)
     */
    public record Output(int group, List<NDArray> embeddingsBD, List<NDArray> scoresBK, List<NDArray> codesBK) {}

    /** Returns this rank's groups in ascending order; valid after {@link #lossAndGradients}. */
    public List<Output> outputs() {
        return open(OpenStep.class).microBatches().stream()
                .flatMap(microBatch -> microBatch.outputs().stream())
                .toList();
    }

    /**
     * Returns the global gradients by parameter name, as views attached to {@code manager}; valid after {@link
     * #averageGradients}.
     */
    public Map<String, NDArray> gradients(NDManager manager) {
        return network.parameters.views(manager, open(Reduced.class).total(), 0);
    }

    @Override
    public void apply() {
        watcher.accept(StepPhase.APPLY);
        Reduced reduced = open(Reduced.class);
        StepContext step = reduced.step();
        try (NDManager scope = root.newSubManager()) {
            TorchOps.copy(step.prototypesKD, network.weight(Model.PROTOTYPES));
            Larc.Flat flat = new Larc.Flat(network.weights, reduced.total(), momentum, owners);
            double rate = learningRate.applyAsDouble(step.globalStep);
            settings.larc().step(scope, flat.before(scope, step.moved().size()), reduced.norms(), rate);
            NDArray statistics = step.layout.statistics(scope, reduced.total());
            int spans = settings.groups() / settings.span();
            TorchOps.divide(statistics, spans);
            network.update(statistics, settings.resolutions());
            step.queue.ifPresent(QueueStep::apply);
        }
        discard();
        watcher.accept(StepPhase.IDLE);
    }

    private <S extends OpenStep> S open(Class<S> state) {
        return open.filter(state::isInstance)
                .map(state::cast)
                .orElseThrow(() -> new IllegalStateException(
                        "a step is lossAndGradients, averageGradients and apply, in this order"));
    }

    /** Drops a step that was begun and not applied. */
    public void discard() {
        open.ifPresent(step -> step.step().close());
        open = Optional.empty();
    }

    @Override
    public void close() {
        discard();
        root.close();
    }
}
