package io.swav.numerics;

import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes sure that this process computes correctly, by running a {@link Canary}: in a child process first if a kernel
 * might kill the process, and again without oneDNN if oneDNN is the cause of an error.
 */
public final class Numerics {
    private static final Logger LOG = LoggerFactory.getLogger(Numerics.class);

    /** Runs a canary outside this process. */
    interface IsolatedCanary {
        /** @return the wrong output or the cause of the child's death; empty if every output is right */
        Optional<String> run(boolean oneDnn, Collection<Precision> precisions);
    }

    private final Processor processor;
    private final Canary canary;
    private final IsolatedCanary child;

    Numerics(Processor processor, Canary canary, IsolatedCanary child) {
        this.processor = processor;
        this.canary = canary;
        this.child = child;
    }

    /**
     * Checks the kernels of this process on its device, with the present number of threads, and turns oneDNN off if it
     * computes wrong results. Takes some tenths of a second, or seconds if a child process runs first.
     *
     * @param precisions that training or evaluation will use
     */
    public static Verdict check(Collection<Precision> precisions) {
        return new Numerics(Processor.read(Path.of("/")), Canary.STANDARD, new CanaryProcess()).verdict(precisions);
    }

    /**
     * Runs {@link #check} before anything is computed; logs a warning if oneDNN had to be turned off.
     *
     * @return the fingerprint of the bits that this process computes
     * @throws UnsoundMachineException if nothing may be trained in this process
     */
    public static String require(Collection<Precision> precisions) {
        Verdict verdict = check(precisions);
        if (verdict instanceof Verdict.SoundWithoutOneDnn without) {
            LOG.warn("{}", without.warning());
            return without.fingerprint();
        }
        if (verdict instanceof Verdict.Sound sound) {
            return sound.fingerprint();
        }
        throw new UnsoundMachineException((Verdict.Unsound) verdict);
    }

    Verdict verdict(Collection<Precision> precisions) {
        String machine = processor + (TorchRuntime.onGpu() ? ", computing on its GPU" : "");
        Optional<String> fault = Optional.empty();
        if (!TorchRuntime.onGpu() && processor.mayKill()) {
            fault = child.run(true, precisions);
            if (fault.isPresent()) {
                Optional<String> without = child.run(false, precisions);
                if (without.isPresent()) {
                    return new Verdict.Unsound(machine, without.get() + ", with oneDNN off as well");
                }
                TorchRuntime.useOneDnn(false);
            }
        }
        List<Deviation> deviations = canary.run(precisions);
        Optional<Deviation> wrong = Canary.worst(deviations);
        if (wrong.isPresent() && !TorchRuntime.onGpu() && TorchRuntime.usesOneDnn()) {
            fault = wrong.map(Deviation::toString);
            TorchRuntime.useOneDnn(false);
            deviations = canary.run(precisions);
            wrong = Canary.worst(deviations);
        }
        if (wrong.isPresent()) {
            return new Verdict.Unsound(
                    machine, wrong.get() + (TorchRuntime.onGpu() ? "" : ", with oneDNN off as well"));
        }
        String fingerprint = Canary.fingerprint(deviations);
        return fault.isPresent()
                ? new Verdict.SoundWithoutOneDnn(machine, fault.get(), fingerprint)
                : new Verdict.Sound(machine, deviations.size(), fingerprint);
    }
}
