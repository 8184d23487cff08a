package io.swav.numerics;

import ai.djl.ndarray.NDManager;
import io.swav.api.Fingerprints;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Fixed small convolutions, matrix products and reductions of the kinds that training uses, forward and backward, each
 * compared with plain arithmetic, on the device that computes. It exists because a library that misidentified a
 * processor has been seen to drop channels of convolutions while training looked healthy.
 */
record Canary(List<Trial> trials) {
    /** The standard trials. Their channel counts are those of the networks, because faults depend on them. */
    static final Canary STANDARD = new Canary(List.of(
            ConvolutionTrial.of(3, 64, 7, 2, 16),
            ConvolutionTrial.of(3, 64, 3, 1, 8),
            ConvolutionTrial.of(64, 64, 3, 1, 4),
            ConvolutionTrial.of(64, 128, 3, 2, 4),
            ConvolutionTrial.of(64, 512, 3, 1, 2),
            ConvolutionTrial.of(512, 64, 3, 1, 2),
            ConvolutionTrial.of(64, 256, 1, 1, 4),
            ConvolutionTrial.of(128, 512, 1, 1, 2),
            ConvolutionTrial.of(256, 512, 1, 2, 4),
            new ProductTrial(16, 512, 300),
            new ReductionTrial(64, 300)));

    /** Runs every trial in every precision, and returns the deviation of every output. */
    List<Deviation> run(Collection<Precision> precisions) {
        List<Deviation> deviations = new ArrayList<>();
        try (NDManager manager = TorchRuntime.root()) {
            for (Precision precision : precisions) {
                trials.forEach(trial -> deviations.addAll(trial.run(manager, precision)));
            }
        }
        return deviations;
    }

    /**
     * Returns the digest of all outputs' bits, 16 hexadecimal digits: equal on two machines only if their kernels round
     * alike, here and so far as these trials represent training.
     */
    static String fingerprint(List<Deviation> deviations) {
        StringBuilder all = new StringBuilder();
        deviations.forEach(output -> all.append(output.kernel())
                .append(' ')
                .append(Long.toHexString(output.bits()))
                .append('\n'));
        return Fingerprints.digest(all.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** The output that is furthest from what rounding explains; empty if all are right. */
    static Optional<Deviation> worst(List<Deviation> deviations) {
        return deviations.stream()
                .filter(Deviation::isWrong)
                .max(Comparator.comparingDouble(deviation -> deviation.error() / deviation.allowed()));
    }
}
