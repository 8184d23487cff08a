package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.api.TrainerEnv;
import io.swav.collective.Collective;
import io.swav.collective.GroupRange;
import io.swav.model.CropSource;
import io.swav.model.Model;
import io.swav.model.NotFiniteValue;
import io.swav.model.StepResult;
import io.swav.model.TrainStep;
import io.swav.torch.HostView;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A fault for tests: memory that loses one bit of the model before one step, as {@link TrainerEnv#FAULT_FLIP} says. The
 * step is computed with that bit; a retry of it is not disturbed again.
 */
final class BitFlip implements TrainStep {
    private static final Logger LOG = LoggerFactory.getLogger(BitFlip.class);

    private final TrainStep machine;
    private final long at;
    private boolean done;

    private BitFlip(TrainStep machine, long at) {
        this.machine = machine;
        this.at = at;
    }

    /** Returns the machine itself if the environment asks for no fault in this pod. */
    static TrainStep around(TrainStep machine, TrainerEnvironment env) {
        return env.flipAt().isPresent() ? new BitFlip(machine, env.flipAt().getAsLong()) : machine;
    }

    private void flip(long step) {
        done = true;
        HostView weights = HostView.of(machine.state().get(0));
        ByteBuffer bytes = weights.bytes();
        bytes.put(0, (byte) (bytes.get(0) ^ 1)); // the lowest bit of the first weight's fraction
        weights.store();
        LOG.warn("{}: flipped one bit of the first weight before step {}", TrainerEnv.FAULT_FLIP, step);
    }

    @Override
    public void lossAndGradients(CropSource crops, GroupRange[] runs, Collective collective, long step, long vote) {
        if (step == at && !done) {
            flip(step);
        }
        machine.lossAndGradients(crops, runs, collective, step, vote);
    }

    @Override
    public String warmUp(CropSource crops) {
        return machine.warmUp(crops);
    }

    @Override
    public StepResult averageGradients() {
        return machine.averageGradients();
    }

    @Override
    public List<NotFiniteValue> inspect(CropSource crops, GroupRange own, long step) {
        return machine.inspect(crops, own, step);
    }

    @Override
    public void reset() {
        machine.reset();
    }

    @Override
    public void apply() {
        machine.apply();
    }

    @Override
    public Model network() {
        return machine.network();
    }

    @Override
    public List<NDArray> state() {
        return machine.state();
    }

    @Override
    public Map<String, NDArray> model() {
        return machine.model();
    }

    @Override
    public Map<String, NDArray> optimizer() {
        return machine.optimizer();
    }

    @Override
    public byte[] digest() {
        return machine.digest();
    }

    @Override
    public void close() {
        machine.close();
    }
}
