package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.TrainerEnv;
import io.swav.collective.Collective;
import io.swav.collective.CommunicationThread;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.collective.TreeSum;
import io.swav.model.CropSource;
import io.swav.model.Model;
import io.swav.model.NotFiniteException;
import io.swav.model.NotFiniteValue;
import io.swav.model.StepResult;
import io.swav.model.TrainStep;
import io.swav.torch.HostView;
import io.swav.torch.StateSum;
import io.swav.torch.TorchOps;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongToDoubleFunction;

/**
 * A machine with the shape of SwAV's and next to no arithmetic: per-group gradients that depend on weights, step and
 * group, a minimum that carries the vote, a tree sum in pieces on the communication thread while the step runs,
 * momentum. A step takes at least {@code toy.stepMillis}, and ten times as long from step {@link #LATE} on, until the
 * file {@code toy.hurry} exists.
 */
final class ToyMachine implements TrainStep {
    private static final int LENGTH = 3_000;
    private static final int PIECE = 1_000;
    /** Tests wait for events before the last step, however long these take, so the last steps are slow. */
    private static final long LATE = 200;
    /** After this many steps the weights of the pods in {@code toy.spoilIn} become NaN, each time. */
    private static final long SPOILED = Long.getLong("toy.spoilAt", -1);

    private final NDManager root;
    private final NDArray weights;
    private final NDArray momentum;
    private final NDArray counter;
    private final long stepMillis = Long.getLong("toy.stepMillis", 0);
    private final Path hurry = Path.of(System.getProperty("toy.hurry", ""));
    private final int groups;
    private NDManager scope;
    private NDArray gradients;
    private CommunicationThread sums = new CommunicationThread(new SoloCollective());
    private long agreed;
    private boolean diverged;
    private long step;
    private final long seed;
    private final LongToDoubleFunction rate;

    ToyMachine(NDManager parent, long seed, int groups) {
        this(parent, seed, groups, step -> 1);
    }

    /** @param rate by which steps differ in length */
    ToyMachine(NDManager parent, long seed, int groups, LongToDoubleFunction rate) {
        this.rate = rate;
        this.root = parent.newSubManager();
        this.scope = root.newSubManager();
        this.groups = groups;
        this.seed = seed;
        this.weights = root.create(start(seed));
        this.momentum = root.zeros(new Shape(LENGTH));
        this.counter = root.create(new long[] {0});
        this.gradients = scope.zeros(new Shape(1));
    }

    private static float[] start(long seed) {
        float[] start = new float[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            start[i] = (float) Math.sin(i * .01 + seed);
        }
        return start;
    }

    @Override
    public void reset() {
        TorchOps.copy(root.create(start(seed)), weights);
        TorchOps.fill(momentum, 0);
        TorchOps.fill(counter, 0);
    }

    @Override
    public List<NotFiniteValue> inspect(CropSource crops, GroupRange own, long step) {
        List<NotFiniteValue> inState = NotFiniteValue.ofState(model(), optimizer());
        if (!inState.isEmpty()) {
            return inState;
        }
        List<NotFiniteValue> found = new ArrayList<>();
        for (int group = own.from(); group < own.to(); group++) {
            float loss = gradient(crops, group).mean().getFloat();
            if (!Float.isFinite(loss)) {
                found.add(new NotFiniteValue(group, "the crops of resolution 0", loss, loss));
            }
        }
        return found;
    }

    @Override
    public String warmUp(CropSource crops) {
        crops.group(scope, 0);
        return "";
    }

    @Override
    public void lossAndGradients(CropSource crops, GroupRange[] runs, Collective collective, long step, long vote) {
        long start = System.nanoTime();
        this.step = step;
        sums.close();
        scope.close();
        scope = root.newSubManager();
        NDArray number = scope.create(new double[] {vote});
        NDArray votes = TorchOps.concat(scope, List.of(number, StateSum.of(scope, state())), 0);
        collective.allReduceMin(votes);
        collective.synchronize();
        double[] least = votes.toDoubleArray();
        agreed = (long) least[0];
        diverged = least[1] + least[2] != 0;
        GroupRange own = runs[collective.rank()];
        TreeSum.Accumulator local = new TreeSum.Accumulator(groups, own);
        for (int group = own.from(); group < own.to() - 1; group++) {
            local.add(group, gradient(crops, group));
        }
        TreeSum.StreamingAccumulator open = local.last(List.of(gradient(crops, own.to() - 1)));
        gradients = open.result();
        sums = new CommunicationThread(collective);
        for (long to = LENGTH; to > 0; to -= PIECE) {
            long from = to - PIECE;
            long end = to;
            sums.run(line -> {
                open.add(from, end);
                open.reduce(line, runs, from, end);
            });
            long pace = Files.isRegularFile(hurry) ? 0 : step < LATE ? stepMillis : 10 * stepMillis;
            long left = TimeUnit.MILLISECONDS.toNanos(pace) - (System.nanoTime() - start);
            LockSupport.parkNanos(left * PIECE / to);
        }
    }

    private NDArray gradient(CropSource crops, int group) {
        NDArray crop = crops.group(scope, group).get(0);
        return weights.mul(.5f * (group + 1)).add(crop).sin();
    }

    @Override
    public StepResult averageGradients() {
        sums.await();
        float loss = gradients.mean().getFloat();
        if (!Float.isFinite(loss)) {
            throw new NotFiniteException("the loss", step);
        }
        return new StepResult(loss, Optional.empty(), agreed, diverged);
    }

    @Override
    public void apply() {
        momentum.muli(.9f).addi(gradients);
        weights.subi(momentum.mul(.001f * (float) rate.applyAsDouble(step)));
        counter.addi(1);
        if (step + 1 == SPOILED && System.getProperty("toy.spoilIn", "").contains(System.getenv(TrainerEnv.POD))) {
            TorchOps.fill(weights, Double.NaN);
        }
        scope.close();
    }

    @Override
    public Model network() {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<NDArray> state() {
        return List.of(weights, momentum, counter);
    }

    @Override
    public Map<String, NDArray> model() {
        return Map.of("layer.weight", weights, "layer.steps", counter, "prototypes.weight", weights);
    }

    @Override
    public Map<String, NDArray> optimizer() {
        return Map.of("layer.weight", momentum);
    }

    @Override
    public byte[] digest() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            state().forEach(array -> digest.update(HostView.of(array).bytes()));
            return digest.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        sums.close();
        root.close();
    }
}
