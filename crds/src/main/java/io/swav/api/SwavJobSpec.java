package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the user wants. After defaulting (the API server's, or {@link SwavJobSpecs}) only documented optionals are null. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record SwavJobSpec(
        Integer replicas,
        Boolean suspend,
        Elastic elastic,
        @Nullable PodTemplateSpec template,
        Model model,
        Data data,
        List<CropSpec> crops,
        Assignment assignment,
        Training training,
        @Nullable Checkpoint checkpoint,
        Recovery recovery,
        @Nullable Integer ttlSecondsAfterFinished) {

    /** How far the world may stray from {@code replicas}. */
    public record Elastic(Integer minReplicas, Integer maxReplicas, Integer spares, Integer growAfterSeconds) {}

    /** {@code architecture}: resnet50, resnet18, tiny. {@code stem}: imagenet (7x7/2 + pool) or small (3x3, no pool). */
    public record Model(String architecture, String stem, Integer prototypes, Integer featureDim, Integer hiddenDim) {}

    /** {@code uri}: file:///folder of tar shards or of class folders. {@code evalUri}: labelled pictures for kNN. */
    public record Data(String uri, @Nullable String evalUri, Integer maxBadSamples, Integer workers) {}

    /** One resolution: {@code count} square crops of {@code size} pixels, area fraction in [minScale, maxScale]. */
    public record CropSpec(Integer count, Integer size, Double minScale, Double maxScale) {}

    /** {@code mode}: QueueFree or Queue. {@code assignedCrops}: how many crops get codes, the first resolution's by default. */
    public record Assignment(String mode, Double epsilon, Integer iterations, Double temperature) {}

    /** Counted in global steps and samples only, so that a resize moves nothing. */
    public record Training(
            Integer globalBatch,
            Integer groupSize,
            Integer epochs,
            @Nullable Long maxSteps,
            Long seed,
            String precision,
            String reproducibility,
            Integer threads,
            Optimizer optimizer,
            BatchNorm batchNorm,
            Long prototypesFrozenSteps,
            Augmentation augmentation) {

        public int groups() {
            return globalBatch / groupSize;
        }
    }

    /** LARC over SGD, linear warm-up then cosine, all per step. Learning rates are at {@code globalBatch}. */
    public record Optimizer(
            Double learningRate,
            Double finalLearningRate,
            Double warmupStart,
            Double warmupEpochs,
            Double momentum,
            Double weightDecay,
            Double trustCoefficient,
            Boolean larcClip) {}

    /** Samples that share batch statistics; null means training.groupSize. */
    public record BatchNorm(@Nullable Integer groupSize) {}

    /** SwAV's colour and blur settings; see SWAV section 3 "multi-crop". */
    public record Augmentation(
            Double jitterStrength, Double jitterProbability, Double grayProbability, Double blurProbability) {}

    public record Checkpoint(@Nullable String uri, Long everySteps, Integer keep) {}

    public record Recovery(Integer maxFailures) {}
}
