package io.swav.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.CommunicationThread;
import io.swav.collective.GroupRange;
import io.swav.torch.TorchOps;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;

/**
 * What one global step on one rank reads, and the owner of everything that the step allocates. The step itself is
 * {@link Forward}, {@link Assigned}, {@link Reducing}, {@link Reduced}, one after the other; it changes nothing in the
 * model.
 */
final class StepContext implements AutoCloseable {
    private static final double NORMALIZE_EPSILON = 1e-12;
    /** Features are kept once in so many steps, for their rank: it takes milliseconds. */
    static final long FEATURES_EVERY = 50;
    /** The most rows that are kept. */
    private static final long FEATURE_ROWS = 128;

    final StepSettings settings;
    final Model model;
    final ActivationBudget memory;
    final NDManager manager;
    final GroupRange[] runs;
    final Collective collective;
    final long globalStep;
    final Consumer<StepPhase> watcher;
    /** The queue within this step; empty if the step has none. */
    final Optional<QueueStep> queue;

    final SumLayout layout;
    /** The L2-normalised prototypes that this step scores with. */
    final NDArray prototypesKD;
    /** All weights by name, with those prototypes. */
    final Map<String, NDArray> weights;

    private Optional<NDArray> featuresNF = Optional.empty();
    private final List<CommunicationThread> threads = new ArrayList<>();

    StepContext(
            StepSettings settings,
            Model model,
            ActivationBudget memory,
            NDManager parent,
            GroupRange[] runs,
            Collective collective,
            long globalStep,
            Consumer<StepPhase> watcher,
            Optional<QueueStep> queue) {
        this.settings = settings;
        this.model = model;
        this.memory = memory;
        this.manager = parent.newSubManager();
        this.runs = runs.clone();
        this.collective = collective;
        this.globalStep = globalStep;
        this.watcher = watcher;
        this.queue = queue;
        this.layout = SumLayout.of(model, settings.resolutions());
        NDArray raw = model.weight(Model.PROTOTYPES);
        try (NDArray lengths = raw.norm(new int[] {1}, true)) {
            TorchOps.atLeast(lengths, NORMALIZE_EPSILON);
            this.prototypesKD = raw.div(lengths);
            prototypesKD.attach(manager);
        }
        this.weights = new LinkedHashMap<>(model.weightViews);
        weights.put(Model.PROTOTYPES, prototypesKD);
    }

    GroupRange ownGroups() {
        return runs[collective.rank()];
    }

    /**
     * Returns the layout of the parameters that this step changes: all, or those before the prototypes while these are
     * frozen.
     */
    FlatLayout moved() {
        boolean frozen = globalStep < settings.frozenSteps();
        return frozen ? model.parameters.before(Model.PROTOTYPES) : model.parameters;
    }

    /**
     * Keeps the first rows of the backbone's features of group 0, in some steps.
     *
     * @param pooledBF (B, F)
     */
    void sampleFeatures(NDArray pooledBF) {
        if (globalStep % FEATURES_EVERY == 0 && featuresNF.isEmpty()) {
            try (NDManager scope = manager.newSubManager()) {
                long rows = Math.min(FEATURE_ROWS, pooledBF.getShape().get(0));
                featuresNF = Optional.of(TorchOps.clone(manager, TorchOps.rows(scope, pooledBF, 0, rows)));
            }
        }
    }

    /** Returns RankMe of the features that were kept; empty if none were, as on every rank but 0. */
    OptionalDouble featureRank() {
        return featuresNF
                .map(features -> OptionalDouble.of(FeatureRank.of(TorchOps.singularValues(features))))
                .orElse(OptionalDouble.empty());
    }

    /** Starts a thread that communicates while this rank computes; it ends with the step. */
    CommunicationThread startCommunication() {
        CommunicationThread started = new CommunicationThread(collective);
        threads.add(started);
        return started;
    }

    /** Stops the communication in progress first, because this frees its arrays. */
    @Override
    public void close() {
        try (manager) { // the manager is closed last
            threads.forEach(CommunicationThread::close);
        }
    }
}
