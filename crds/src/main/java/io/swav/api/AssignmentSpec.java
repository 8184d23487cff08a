package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** Sinkhorn's settings, paper section 3.1 and its appendix. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AssignmentSpec(
        @JsonPropertyDescription("QueueFree (default): Sinkhorn sees the full global batch of the step and nothing"
                + " else, which works for small batches too. Queue: it also sees features of earlier steps, the"
                + " paper's way with small batches.")
        @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
        Mode mode,

        @JsonPropertyDescription("Sharpness of the codes: scores are divided by it, 0.05 by default. Lower it"
                + " (0.03) if the loss stays at ln K.")
        @Min(value = 0, inclusive = false)
        @Max(10)
        Double epsilon,

        @JsonPropertyDescription("Sinkhorn iterations, 3 by default.") @Min(1) @Max(1000)
        Integer iterations,

        @JsonPropertyDescription("Temperature of the softmax over prototypes, 0.1 by default.")
        @Min(value = 0, inclusive = false)
        @Max(10)
        Double temperature,

        @JsonPropertyDescription("The queue of mode Queue; by default the paper's at batch 256.") @Nullable
        Queue queue,

        @JsonPropertyDescription("Steps, from the first on, in which each code is one-hot: 1 for the image's best"
                + " prototype after Sinkhorn. Unset: none.")
        @Min(0)
        @Nullable
        Long hardCodesSteps) {
    /**
     * Returns what a manifest sets over what its recipe sets. No hard codes are what unset means, also in the digest of a
     * configuration. A recipe's queue is not that of a manifest without mode Queue.
     */
    static AssignmentSpec over(@Nullable AssignmentSpec own, AssignmentSpec recipe) {
        if (own == null) {
            return recipe;
        }
        Mode mode = Recipe.either(own.mode, recipe.mode);
        Long hard = own.hardCodesSteps == null ? recipe.hardCodesSteps : own.hardCodesSteps;
        return new AssignmentSpec(
                mode,
                Recipe.either(own.epsilon, recipe.epsilon),
                Recipe.either(own.iterations, recipe.iterations),
                Recipe.either(own.temperature, recipe.temperature),
                own.queue != null || mode == Mode.Queue ? Queue.over(own.queue, recipe.queue) : null,
                hard == null || hard == 0 ? null : hard);
    }

    /** The queue of earlier features, paper section 3.1, "Working with small batches". */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Queue(
            @JsonPropertyDescription("Features of each assigned crop (one of the first resolution) that the queue"
                    + " keeps, over all trainers, 3840 by default. At least training.globalBatch, and rounded down to"
                    + " a multiple of it.")
            @Min(1)
            @Max(16_777_216)
            Integer length,

            @JsonPropertyDescription("Epoch, counted from 0, in which features begin to enter the queue, 15 by"
                    + " default; Sinkhorn uses it as soon as it is full, length / globalBatch steps later.")
            @Min(0)
            @Max(1_000_000)
            Integer fromEpoch) {
        static final int LENGTH = 3840;
        static final int FROM_EPOCH = 15;
        private static final Queue STANDARD = new Queue(LENGTH, FROM_EPOCH);

        private static Queue over(@Nullable Queue own, @Nullable Queue recipe) {
            Queue otherwise = recipe == null ? STANDARD : recipe;
            return own == null
                    ? otherwise
                    : new Queue(
                            Recipe.either(own.length, otherwise.length),
                            Recipe.either(own.fromEpoch, otherwise.fromEpoch));
        }
    }

    /** Which features Sinkhorn sees beside those of the step: none, or a queue of earlier ones. */
    public enum Mode {
        QueueFree,
        Queue
    }
}
