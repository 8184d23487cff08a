package io.swav.trainer;

import ai.djl.ndarray.NDArray;
import io.swav.api.ExitCodes;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainerExitException;
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
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Injects a fault, for tests: memory that loses one bit of the model before a step, as {@link TrainerEnv#FAULT_FLIP}
 * says. The step is computed with that bit.
 */
final class BitFlip implements TrainStep {
    private static final Logger LOG = LoggerFactory.getLogger(BitFlip.class);

    private static final Pattern FAULT = Pattern.compile("([^@]+)@(\\d{1,15})(:always)?");

    /**
     * When the bit is flipped.
     *
     * @param step before which it is flipped first
     * @param always whether it is flipped before every step from then on, each time that it is computed
     */
    record Fault(long step, boolean always) {
        /** Parses the variable; empty if it asks for no fault in this pod. */
        static Optional<Fault> of(String text, String pod) {
            Matcher fault = FAULT.matcher(text);
            if (!text.isEmpty() && !fault.matches()) {
                throw new TrainerExitException(
                        ExitCodes.CONFIG, TrainerEnv.FAULT_FLIP + " is \"" + text + "\", not POD@STEP[:always]");
            }
            return text.isEmpty() || !fault.group(1).equals(pod)
                    ? Optional.empty()
                    : Optional.of(new Fault(Long.parseLong(fault.group(2)), fault.group(3) != null));
        }
    }

    private final TrainStep machine;
    private final Fault fault;
    private boolean done;

    private BitFlip(TrainStep machine, Fault fault) {
        this.machine = machine;
        this.fault = fault;
    }

    /** Returns the machine itself if the environment asks for no fault in this pod. */
    static TrainStep around(TrainStep machine, TrainerEnvironment env) {
        return env.flip().<TrainStep>map(fault -> new BitFlip(machine, fault)).orElse(machine);
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
        if (fault.always() ? step >= fault.step() : step == fault.step() && !done) {
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
