package io.swav.model;

import io.swav.api.AssignmentSpec;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainingSpec;
import io.swav.torch.Precision;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a job that the step needs.
 *
 * @param batch images of a global batch
 * @param group images of a group; divides {@code batch}
 * @param normGroup images that share batch statistics; a multiple of {@code group} that divides {@code batch}
 * @param crops for each entry of spec.crops: count and side
 * @param frozenSteps steps in which the prototypes take no gradient
 * @param bitwise whether sums use one fixed order
 * @param bucketBytes bytes of gradients that are summed over ranks at a time while backward runs; 0: all after it
 * @param precision of convolutions and the head's linear layers; weights, batch norm, scores and loss are float32
 * @param gradients precision in which gradients travel between ranks; a rank adds in float32
 * @param queue which earlier features Sinkhorn sees
 * @param hardSteps steps in which codes are one-hot
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
        Precision gradients,
        QueueSettings queue,
        long hardSteps) {

    /** The bucket size of a job that does not set it. */
    public static final long BUCKET_BYTES = 25L << 20;

    /** {@code count} crops of {@code side} pixels. */
    public record Crops(int count, int side) {}

    /** Creates settings with soft codes in all steps. */
    public StepSettings(
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
            Precision gradients,
            QueueSettings queue) {
        this(
                batch,
                group,
                normGroup,
                crops,
                sinkhorn,
                temperature,
                larc,
                frozenSteps,
                bitwise,
                bucketBytes,
                precision,
                gradients,
                queue,
                0);
    }

    public StepSettings {
        if (batch % group != 0 || normGroup % group != 0 || batch % normGroup != 0) {
            throw new IllegalArgumentException("training.groupSize " + group + " must divide batchNorm.groupSize "
                    + normGroup + ", and that training.globalBatch " + batch);
        }
        if (bitwise && gradients != Precision.FP32) {
            throw new IllegalArgumentException(
                    "training.gradients.precision bf16 needs training.reproducibility Fast: what "
                            + "is rounded between trainers depends on how many there are");
        }
        crops = List.copyOf(crops);
        if (crops.stream().mapToInt(Crops::count).sum() < 2) {
            throw new IllegalArgumentException("crops: swapped prediction needs at least two crops of an image");
        }
    }

    public static StepSettings of(SwavJobSpec spec) {
        TrainingSpec training = spec.training();
        TrainingSpec.Optimizer optimizer = training.optimizer();
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
                        optimizer.larcClip(),
                        Boolean.TRUE.equals(optimizer.excludeBiasAndNorm())),
                training.prototypesFrozenSteps(),
                training.reproducibility() == TrainingSpec.Reproducibility.Bitwise,
                training.gradients().bucketMegabytes() * (1L << 20),
                precision("training.precision", training.precision()),
                precision("training.gradients.precision", training.gradients().precision()),
                queue(spec.assignment(), training.globalBatch()),
                Objects.requireNonNullElse(spec.assignment().hardCodesSteps(), 0L));
    }

    private static QueueSettings queue(AssignmentSpec assignment, int batch) {
        AssignmentSpec.Queue queue = assignment.queue();
        return queue == null ? QueueSettings.NONE : QueueSettings.of(queue.length(), queue.fromEpoch(), batch);
    }

    private static Precision precision(String field, @Nullable String name) {
        if (name == null) {
            return Precision.FP32; // a config written before this field existed
        }
        return switch (name) {
            case "fp32" -> Precision.FP32;
            case "bf16" -> Precision.BF16;
            default -> throw new IllegalArgumentException(field + " is '" + name + "', it must be fp32 or bf16");
        };
    }

    /** Returns the same settings for a global batch of one group, without a queue: it holds no such batches. */
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
                gradients,
                QueueSettings.NONE,
                hardSteps);
    }

    public int groups() {
        return batch / group;
    }

    /** Returns the number of crops that get codes: all of the first resolution. */
    public int assigned() {
        return crops.get(0).count();
    }

    /** Returns the number of all crops of an image. */
    public int allCrops() {
        return crops.stream().mapToInt(Crops::count).sum();
    }

    /** Returns the number of passes through the backbone: one for each run of entries of equal side. */
    int resolutions() {
        int resolutions = 1;
        for (int i = 1; i < crops.size(); i++) {
            resolutions += crops.get(i).side() == crops.get(i - 1).side() ? 0 : 1;
        }
        return resolutions;
    }

    /** Returns the number of groups that share batch statistics. */
    public int span() {
        return normGroup / group;
    }
}
