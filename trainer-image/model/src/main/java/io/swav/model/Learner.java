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
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * SwAV's training state and its global step: {@link #lossAndGradients}, {@link #averageGradients}, {@link #apply}. All
 * collectives are in the first two, all writes to the state in the last, so a step that fails half-way leaves
 * parameters, momentum and running statistics as they were. Not thread-safe: one thread at a time.
 */
public final class Learner implements AutoCloseable {

    /** Supplies the crops of a group: one array for each entry of spec.crops, as {@code CropBatches.group} does. */
    @FunctionalInterface
    public interface CropSource {
        List<NDArray> group(NDManager manager, int group);
    }

    private final StepSettings settings;
    private final NDManager root;
    private final Model model;
    private final NDArray momentum;
    private final Map<String, NDArray> momentumViews;
    private final NDArray owners;
    private final ActivationBudget memory;
    private @Nullable StepExecution step;
    private CommunicationTimes communication = CommunicationTimes.NONE;
    private Consumer<StepPhase> watcher = phase -> {};

    /** Creates a learner with fresh weights from spec.training.seed. */
    public Learner(SwavJobSpec spec, NDManager root) {
        this(StepSettings.of(spec), Architecture.of(spec.model()), root);
        TorchRuntime.setThreads(spec.training().threads());
        model.initialize(spec.training().seed());
    }

    /** Creates a learner whose weights are zeros until they are loaded. */
    public Learner(StepSettings settings, Architecture architecture, NDManager parent) {
        this(settings, architecture, parent, new ActivationBudget());
    }

    Learner(StepSettings settings, Architecture architecture, NDManager parent, ActivationBudget memory) {
        this.settings = settings;
        this.memory = memory;
        this.root = parent.newSubManager();
        this.model = new Model(architecture, root);
        this.momentum = root.zeros(new Shape(model.parameters.size()));
        this.momentumViews = model.parameters.views(root, momentum, 0);
        this.owners = model.parameters.owners(root);
    }

    /** Sets a listener that is called at the beginning of every phase, on the training thread. */
    public void watch(Consumer<StepPhase> to) {
        watcher = to;
    }

    public Model model() {
        return model;
    }

    /** Returns SGD's momentum by parameter name, sharing this learner's storage. */
    public Map<String, NDArray> optimizer() {
        return Collections.unmodifiableMap(momentumViews);
    }

    /**
     * Returns the whole state as a few flat arrays in a fixed order, for broadcast; writing to them changes the state.
     */
    public List<NDArray> state() {
        return List.of(model.weights, momentum, model.statistics, model.counters);
    }

    /**
     * Loads a checkpoint's arrays.
     *
     * @throws IllegalArgumentException naming what is missing or of another shape
     */
    public void load(Map<String, NDArray> modelState, Map<String, NDArray> optimizer) {
        Model.copyAll(optimizer, momentumViews);
        model.load(modelState);
    }

    /**
     * Returns the CRC-32C of each array of {@link #state}, as a long each. It is computed in every change of the world,
     * while all ranks wait. SHA-256 would take eight times as long for the same purpose: to detect whether two
     * processes hold the same bits.
     */
    public byte[] digest() {
        ByteBuffer sums = ByteBuffer.allocate(Long.BYTES * state().size());
        for (NDArray array : state()) {
            CRC32C sum = new CRC32C();
            sum.update(HostView.of(array).bytes());
            sums.putLong(sum.getValue());
        }
        return sums.array();
    }

    /**
     * Runs a step over group 0 as if it were the batch, and drops it before it changes anything. Whatever is slow the
     * first time is slow here.
     */
    public void warmUp(CropSource crops) {
        StepSettings small = settings.smallest();
        GroupRange[] runs = {new GroupRange(0, 1)};
        try (Collective alone = new SoloCollective();
                StepExecution trial = new StepExecution(small, model, memory, root, runs, alone, 0, phase -> {})) {
            trial.forward(crops);
            trial.assign(0);
            trial.backward();
            trial.average();
        }
        HostMemory.trim(); // the first real step would not find room in the memory that this one has freed
    }

    /**
     * Runs forward over this rank's groups, computes codes over the global batch, loss and backward.
     *
     * @param runs every rank's groups, in rank order
     * @param globalStep counted from 0
     * @param vote a number from this rank; the minimum over all ranks is returned in the result
     * @throws io.swav.collective.CollectiveException if a peer is lost
     */
    public void lossAndGradients(
            CropSource crops, GroupRange[] runs, Collective collective, long globalStep, long vote) {
        discard();
        StepExecution fresh = new StepExecution(settings, model, memory, root, runs, collective, globalStep, watcher);
        step = fresh;
        boolean whole = false;
        try {
            fresh.forward(crops);
            fresh.assign(vote);
            fresh.backward();
            whole = true;
        } finally {
            if (!whole) {
                discard();
            }
        }
    }

    /**
     * Waits for gradients, statistics and loss summed over all ranks.
     *
     * @throws NotFiniteException on every rank alike if the loss or a gradient is NaN or infinite
     * @throws io.swav.collective.CollectiveException if a peer is lost; nothing of the step is in progress then
     */
    public StepResult averageGradients() {
        watcher.accept(StepPhase.REDUCE);
        boolean whole = false;
        try {
            StepResult result = current().average();
            communication = current().communication();
            whole = true;
            return result;
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
     * @param embeddings for each crop, (groupSize, features)
     * @param scores for each crop, (groupSize, K)
     * @param codes for each assigned crop, (groupSize, K)
     */
    public record Output(int group, List<NDArray> embeddings, List<NDArray> scores, List<NDArray> codes) {}

    /** Returns this rank's groups in ascending order; valid after {@link #lossAndGradients}. */
    public List<Output> outputs() {
        return current().outputs();
    }

    /**
     * Returns the global gradients by parameter name, as views attached to {@code manager}; valid after {@link
     * #averageGradients}.
     */
    public Map<String, NDArray> gradients(NDManager manager) {
        return model.parameters.views(manager, current().total(), 0);
    }

    /** Advances the state by one step; nothing here waits for a peer. */
    public void apply(double learningRate) {
        watcher.accept(StepPhase.APPLY);
        StepExecution done = current();
        NDArray total = done.total();
        try (NDManager scope = root.newSubManager()) {
            TorchOps.copy(done.prototypes(), model.weight(Model.PROTOTYPES));
            Larc.Flat flat = new Larc.Flat(model.weights, total, momentum, owners);
            settings.larc().step(scope, flat.before(scope, done.moved().size()), done.norms(), learningRate);
            NDArray statistics =
                    TorchOps.view(scope, total, model.parameters.size(), model.statisticsSize(done.resolutions()));
            int spans = settings.groups() / settings.span();
            TorchOps.divide(statistics, spans);
            model.update(statistics, done.resolutions());
        }
        discard();
        watcher.accept(StepPhase.IDLE);
    }

    private StepExecution current() {
        StepExecution now = step;
        if (now == null) {
            throw new IllegalStateException("lossAndGradients comes first");
        }
        return now;
    }

    /** Drops a step that was begun and not applied. */
    public void discard() {
        if (step != null) {
            step.close();
            step = null;
        }
    }

    @Override
    public void close() {
        discard();
        root.close();
    }
}
