package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.SchemaFrom;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** How the model is trained, counted in global steps and samples only, so that a resize changes nothing. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record TrainingSpec(
        @JsonPropertyDescription("Images per step, over all trainers, 4096 by default.") @Min(1) @Max(16_777_216)
        Integer globalBatch,

        @JsonPropertyDescription("Images per group, 64 by default (the paper's share of a GPU); divides"
                + " globalBatch. The group is the unit of computation: computed as one, never split, and"
                + " assigned to a trainer as a whole, so that results do not depend on the number of trainers.")
        @Min(1)
        @Max(16_777_216)
        Integer groupSize,

        @JsonPropertyDescription(
                "Passes over the data, 100 by default. An epoch has floor(images / globalBatch) steps. May be"
                        + " raised while the job runs: from the next world on, at one step for all trainers, the"
                        + " learning rate follows the longer cosine. It cannot be lowered.")
        @Min(1)
        @Max(1_000_000)
        Integer epochs,

        @JsonPropertyDescription("Stops after this many global steps, if that is before the end of the epochs.")
        @Min(1)
        @Nullable
        Long maxSteps,

        @JsonPropertyDescription("Seed of weights, order and crops, 31 by default.") @Default("31")
        Long seed,

        @JsonPropertyDescription("Arithmetic of forward and backward: fp32 (default) or bf16. Weights, Sinkhorn"
                + " and sums are fp32 either way.")
        @Default("fp32")
        @SchemaFrom(type = Precision.class)
        String precision,

        @JsonPropertyDescription("Bitwise (default): the weights are the same bits at every world size and after"
                + " any resize. Fast: sums may run in any order, results agree up to rounding.")
        @Default("Bitwise")
        @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
        Reproducibility reproducibility,

        @JsonPropertyDescription(
                "Threads of a CPU kernel in each trainer, 1 by default. The bits depend on it, so it may change"
                        + " in mode Fast alone; a change applies to pods created afterwards.")
        @Default("1")
        @Min(1)
        @Max(512)
        Integer threads,

        @JsonPropertyDescription("LARC over SGD with momentum; linear warm-up, then cosine, by the step.")
        @Default("{}")
        Optimizer optimizer,

        @JsonPropertyDescription("Which images share batch statistics.") @Default("{}")
        BatchNorm batchNorm,

        @JsonPropertyDescription("How gradients are summed over trainers.") @Default("{}")
        Gradients gradients,

        @JsonPropertyDescription("Steps before the prototypes move, 313 by default (one epoch of ImageNet at batch"
                + " 4096); a recipe's is scaled with globalBatch, so that it stays an epoch. More steps help if the loss stays"
                + " at ln K.")
        @Min(0)
        Long prototypesFrozenSteps,

        @JsonPropertyDescription("Color jitter and blur of the crops; by default SwAV's.") @Default("{}")
        Augmentation augmentation) {

    public int groups() {
        return globalBatch / groupSize;
    }

    /** Returns the same settings with those that may change while a job runs. */
    TrainingSpec with(Integer newEpochs, Integer newThreads) {
        return new TrainingSpec(
                globalBatch,
                groupSize,
                newEpochs,
                maxSteps,
                seed,
                precision,
                reproducibility,
                newThreads,
                optimizer,
                batchNorm,
                gradients,
                prototypesFrozenSteps,
                augmentation);
    }

    /**
     * Returns what a manifest sets over what its recipe sets. Fields that no recipe sets stay as they are.
     *
     * @param scales whether rates and the freeze, which lasts an epoch, are scaled to the manifest's own batch
     */
    static TrainingSpec over(@Nullable TrainingSpec own, TrainingSpec recipe, boolean scales) {
        if (own == null) {
            return recipe;
        }
        Integer batch = Recipe.either(own.globalBatch, recipe.globalBatch);
        double ratio = scales && batch > 0 ? (double) batch / recipe.globalBatch : 1;
        return new TrainingSpec(
                batch,
                Recipe.either(own.groupSize, recipe.groupSize),
                Recipe.either(own.epochs, recipe.epochs),
                own.maxSteps,
                own.seed,
                own.precision,
                own.reproducibility,
                own.threads,
                Optimizer.over(own.optimizer, recipe.optimizer, ratio),
                BatchNorm.over(own.batchNorm, recipe.batchNorm),
                own.gradients,
                Recipe.either(own.prototypesFrozenSteps, Math.round(recipe.prototypesFrozenSteps / ratio)),
                Augmentation.over(own.augmentation, recipe.augmentation));
    }

    /** The schema's values of {@link TrainingSpec#precision} and {@link Gradients#precision}. */
    enum Precision {
        fp32,
        bf16
    }

    /** Whether the weights may depend on the order of sums. */
    public enum Reproducibility {
        Bitwise,
        Fast
    }

    /** LARC over SGD, linear warm-up then cosine, all per step. Learning rates are at {@code globalBatch}. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Optimizer(
            @JsonPropertyDescription("Learning rate after the warm-up, for globalBatch as it is: 4.8 without a recipe,"
                    + " the paper's at 4096, whatever the batch; 0.6 suits 256. With a recipe it is the recipe's, scaled in"
                    + " proportion to a globalBatch of your own.")
            @Min(0)
            Double learningRate,

            @JsonPropertyDescription(
                    "Learning rate at the end of the cosine, 0.0048 by default; scaled like learningRate.")
            @Min(0)
            Double finalLearningRate,

            @JsonPropertyDescription(
                    "Learning rate at the first step of the warm-up, 0.3 by default; scaled like learningRate.")
            @Min(0)
            Double warmupStart,

            @JsonPropertyDescription("Length of the warm-up in epochs, 10 by default, fractions allowed; 0 for none.")
            @Min(0)
            Double warmupEpochs,

            @JsonPropertyDescription("Momentum of SGD, 0.9 by default.") @Min(0) @Max(value = 1, inclusive = false)
            Double momentum,

            @JsonPropertyDescription("L2 penalty, 1e-6 by default, on every parameter.") @Min(0)
            Double weightDecay,

            @JsonPropertyDescription("LARC's trust coefficient, 0.001 by default: the share of a parameter's norm that"
                    + " a step of learning rate 1 moves it by.")
            @Min(value = 0, inclusive = false)
            Double trustCoefficient,

            @JsonPropertyDescription("Whether LARC only lowers the learning rate; false by default, as in SwAV.")
            Boolean larcClip,

            @JsonPropertyDescription("Whether biases and the parameters of batch norm take plain SGD's step, without"
                    + " LARC's rate and without weight decay. Unset: no, as in SwAV.")
            @Nullable
            Boolean excludeBiasAndNorm) {
        /**
         * Returns what a manifest sets over what its recipe sets. Not to exclude anything is what unset means, also in the
         * digest of a configuration.
         */
        private static Optimizer over(@Nullable Optimizer own, Optimizer recipe, double ratio) {
            Optimizer otherwise = recipe.scaled(ratio);
            if (own == null) {
                return otherwise;
            }
            Boolean exclude = own.excludeBiasAndNorm;
            return new Optimizer(
                    Recipe.either(own.learningRate, otherwise.learningRate),
                    Recipe.either(own.finalLearningRate, otherwise.finalLearningRate),
                    Recipe.either(own.warmupStart, otherwise.warmupStart),
                    Recipe.either(own.warmupEpochs, otherwise.warmupEpochs),
                    Recipe.either(own.momentum, otherwise.momentum),
                    Recipe.either(own.weightDecay, otherwise.weightDecay),
                    Recipe.either(own.trustCoefficient, otherwise.trustCoefficient),
                    Recipe.either(own.larcClip, otherwise.larcClip),
                    (exclude == null || (!exclude && otherwise.excludeBiasAndNorm == null))
                            ? otherwise.excludeBiasAndNorm
                            : exclude);
        }

        private Optimizer scaled(double ratio) {
            return new Optimizer(
                    Recipe.scaled(learningRate, ratio),
                    Recipe.scaled(finalLearningRate, ratio),
                    Recipe.scaled(warmupStart, ratio),
                    warmupEpochs,
                    momentum,
                    weightDecay,
                    trustCoefficient,
                    larcClip,
                    excludeBiasAndNorm);
        }
    }

    /** Which samples share batch statistics. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record BatchNorm(
            @JsonPropertyDescription(
                    "Images that share batch statistics: if unset, the recipe's, or training.groupSize without one (no"
                            + " communication), or a multiple of it up to the global batch: groups then go through the network"
                            + " layer by layer, and trainers synchronize in each. The paper's runs share 512 images at batch"
                            + " 4096 and all 256 at 256.")
            @Min(1)
            @Max(16_777_216)
            @Nullable
            Integer groupSize) {
        private static BatchNorm over(@Nullable BatchNorm own, BatchNorm recipe) {
            return own == null || own.groupSize == null ? recipe : own;
        }
    }

    /** How gradients are summed, which happens while backward runs. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Gradients(
            @JsonPropertyDescription("MiB of gradients that are summed at a time while backward runs, 25 by default;"
                    + " 0 sums all of them after it. Changes speed, never bits.")
            @Default("25")
            @Min(0)
            @Max(1024)
            Integer bucketMegabytes,

            @JsonPropertyDescription(
                    "Type of gradients on the wire between trainers: fp32 (default), or bf16, which halves"
                            + " the bytes and rounds them; needs reproducibility Fast. Trainers sum in fp32 over TCP,"
                            + " NCCL in its own way.")
            @Default("fp32")
            @SchemaFrom(type = Precision.class)
            String precision) {
        /** A spec kept by an older operator lacks this field, which means fp32. */
        public Gradients {
            precision = Objects.requireNonNullElse(precision, Precision.fp32.name());
        }
    }

    /** SwAV's color and blur settings; see SWAV section 3 "multi-crop". */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Augmentation(
            @JsonPropertyDescription("Color jitter: 1 (default) is brightness, contrast and saturation 0.8, hue 0.2;"
                    + " other values scale all four.")
            @Min(0)
            @Max(2)
            Double jitterStrength,

            @JsonPropertyDescription("Probability of color jitter, 0.8 by default.") @Min(0) @Max(1)
            Double jitterProbability,

            @JsonPropertyDescription("Probability of grayscale, 0.2 by default.") @Min(0) @Max(1)
            Double grayProbability,

            @JsonPropertyDescription("Probability of Gaussian blur, sigma uniform in 0.1 to 2 pixels, 0.5 by default;"
                    + " 0 suits small images.")
            @Min(0)
            @Max(1)
            Double blurProbability) {
        private static Augmentation over(@Nullable Augmentation own, Augmentation recipe) {
            return own == null
                    ? recipe
                    : new Augmentation(
                            Recipe.either(own.jitterStrength, recipe.jitterStrength),
                            Recipe.either(own.jitterProbability, recipe.jitterProbability),
                            Recipe.either(own.grayProbability, recipe.grayProbability),
                            Recipe.either(own.blurProbability, recipe.blurProbability));
        }
    }
}
