package io.swav.model;

import io.swav.api.SwavJobSpec;
import io.swav.torch.Precision;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the step needs to know of a job.
 *
 * @param batch pictures of a global batch
 * @param group pictures of a group; divides {@code batch}
 * @param normGroup pictures that share batch statistics; a multiple of {@code group} that divides {@code batch}
 * @param crops for each entry of spec.crops: count and side
 * @param frozenSteps steps in which the prototypes take no gradient
 * @param bitwise sums in one fixed order; needs {@code normGroup} = {@code group}
 * @param bucketBytes of gradients that are summed over ranks at a time, while backward goes on; 0: all after it
 * @param precision of convolutions and the head's linear layers; weights, batch norm, scores and loss are float32
 * @param gradients as what they travel between ranks; a rank adds up in float32
 */
public record StepSettings(
        int batch,
        int group,
        int normGroup,
        List<Crops> crops,
        Sinkhorn sinkhorn,
        double temperature,
        Larc larc,
        long frozenSteps,
        boolean bitwise,
        long bucketBytes,
        Precision precision,
        Precision gradients) {

    /** What a job has that says nothing else. */
    public static final long BUCKET_BYTES = 25L << 20;

    /** {@code count} crops of {@code side} pixels. */
    public record Crops(int count, int side) {}

    public StepSettings {
        if (batch % group != 0 || normGroup % group != 0 || batch % normGroup != 0) {
            throw new IllegalArgumentException("training.groupSize " + group + " must divide batchNorm.groupSize "
                    + normGroup + ", and that training.globalBatch " + batch);
        }
        if (bitwise && normGroup != group) {
            throw new IllegalArgumentException("training.reproducibility Bitwise needs batchNorm.groupSize = "
                    + "training.groupSize, they are " + normGroup + " and " + group);
        }
        if (bitwise && gradients != Precision.FP32) {
            throw new IllegalArgumentException(
                    "training.gradients.precision bf16 needs training.reproducibility Fast: what "
                            + "is rounded between trainers depends on how many there are");
        }
        crops = List.copyOf(crops);
        if (crops.stream().mapToInt(Crops::count).sum() < 2) {
            throw new IllegalArgumentException("crops: swapped prediction needs at least two crops of a picture");
        }
    }

    public static StepSettings of(SwavJobSpec spec) {
        SwavJobSpec.Training training = spec.training();
        SwavJobSpec.Optimizer optimizer = training.optimizer();
        if (!spec.assignment().mode().equals("QueueFree")) {
            throw new IllegalArgumentException(
                    "assignment.mode is '" + spec.assignment().mode() + "', this trainer has QueueFree");
        }
        Integer normGroup = training.batchNorm().groupSize();
        return new StepSettings(
                training.globalBatch(),
                training.groupSize(),
                normGroup == null ? training.groupSize() : normGroup,
                spec.crops().stream()
                        .map(crop -> new Crops(crop.count(), crop.size()))
                        .toList(),
                new Sinkhorn(spec.assignment().epsilon(), spec.assignment().iterations()),
                spec.assignment().temperature(),
                new Larc(
                        optimizer.momentum(),
                        optimizer.weightDecay(),
                        optimizer.trustCoefficient(),
                        optimizer.larcClip()),
                training.prototypesFrozenSteps(),
                training.reproducibility().equals("Bitwise"),
                training.gradients().bucketMegabytes() * (1L << 20),
                precision("training.precision", training.precision()),
                precision("training.gradients.precision", training.gradients().precision()));
    }

    private static Precision precision(String field, @Nullable String name) {
        if (name == null) {
            return Precision.FP32; // a config from before there was the field
        }
        return switch (name) {
            case "fp32" -> Precision.FP32;
            case "bf16" -> Precision.BF16;
            default -> throw new IllegalArgumentException(field + " is '" + name + "', it must be fp32 or bf16");
        };
    }

    /** The same for a global batch of one group. */
    StepSettings smallest() {
        return new StepSettings(
                group,
                group,
                group,
                crops,
                sinkhorn,
                temperature,
                larc,
                frozenSteps,
                bitwise,
                bucketBytes,
                precision,
                gradients);
    }

    public int groups() {
        return batch / group;
    }

    /** Crops that get codes: all of the first resolution. */
    public int assigned() {
        return crops.get(0).count();
    }

    /** All crops of a picture. */
    public int allCrops() {
        return crops.stream().mapToInt(Crops::count).sum();
    }

    /** Groups that share batch statistics. */
    public int span() {
        return normGroup / group;
    }
}
