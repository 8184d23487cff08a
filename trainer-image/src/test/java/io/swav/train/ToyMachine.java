package io.swav.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective;
import io.swav.collective.Run;
import io.swav.collective.TreeSum;
import io.swav.tensor.Memory;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A machine with the shape of SwAV's and next to no arithmetic: per-group gradients that depend on weights, step and
 * group, a minimum that carries the generation, a tree sum, momentum. A step takes at least {@code toy.stepMillis}.
 */
final class ToyMachine implements StepMachine {
    private static final int LENGTH = 30_000;

    private final NDManager root;
    private final NDArray weights;
    private final NDArray momentum;
    private final NDArray counter;
    private final long stepMillis = Long.getLong("toy.stepMillis", 0);
    private final int groups;
    private NDManager scope;
    private NDArray gradients;
    private long agreed;

    ToyMachine(NDManager parent, long seed, int groups) {
        this.root = parent.newSubManager();
        this.scope = root.newSubManager();
        this.groups = groups;
        float[] start = new float[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            start[i] = (float) Math.sin(i * .01 + seed);
        }
        this.weights = root.create(start);
        this.momentum = root.zeros(new Shape(LENGTH));
        this.counter = root.create(new long[] {0});
        this.gradients = scope.zeros(new Shape(1));
    }

    @Override
    public void rehearse(CropSource crops) {
        crops.group(scope, 0);
    }

    @Override
    public void lossAndGradients(CropSource crops, Run[] runs, Collective collective, long step, long word) {
        long start = System.nanoTime();
        scope.close();
        scope = root.newSubManager();
        NDArray generation = scope.create(new long[] {word});
        collective.allReduceMin(generation);
        agreed = generation.getLong(0);
        Run own = runs[collective.rank()];
        TreeSum.Local local = new TreeSum.Local(groups, own);
        for (int group = own.from(); group < own.to(); group++) {
            NDArray crop = crops.group(scope, group).get(0);
            local.add(group, weights.mul(.5f * (group + 1)).add(crop).sin());
        }
        long left = TimeUnit.MILLISECONDS.toNanos(stepMillis) - (System.nanoTime() - start);
        LockSupport.parkNanos(left);
        gradients = local.reduce(collective, runs);
    }

    @Override
    public Outcome averageGradients(Collective collective) {
        return new Outcome(gradients.mean().getFloat(), 1, agreed);
    }

    @Override
    public void apply(long step) {
        momentum.muli(.9f).addi(gradients);
        weights.subi(momentum.mul(.001f));
        counter.addi(1);
        scope.close();
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
            state().forEach(array -> digest.update(Memory.view(array)));
            return digest.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        root.close();
    }
}
