package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.crd.generator.annotation.PreserveUnknownFields;
import io.fabric8.crd.generator.annotation.SchemaFrom;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.model.annotation.SpecReplicas;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The user's wishes for a job, resolved: after defaulting (by the API server or {@link SpecLoader}) only fields that are
 * documented as optional are null, because what the manifest leaves out is taken from the {@link Recipe} when this is
 * created. To resolve it again changes nothing. A value that only a later version knows is read as null, like a field that it alone
 * knows, so that no such job stops the operator's watch of all others.
 *
 * <p>The rules on the types below are CEL for API servers from 1.25; {@link SpecValidator} repeats them in Java for
 * older servers and for specs that never reach one. A test holds the two together. An API server judges a default by
 * its own node's rules before it fills in nested defaults, so a rule that reads such a field must be on a type without
 * a default: the rules about {@code training} are on the spec. What a recipe sets is not in the schema, so with a recipe
 * only the operator judges the resolved values; and a rule about a change compares values that both specs have.
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
        value = "self.elastic.minReplicas <= self.replicas",
        message = SpecValidator.MIN_REPLICAS,
        fieldPath = ".replicas")
@ValidationRule(
        value = "!has(self.elastic.maxReplicas) || self.replicas <= self.elastic.maxReplicas",
        message = SpecValidator.MAX_REPLICAS,
        fieldPath = ".replicas")
@ValidationRule(
        value = SpecRules.NO_RECIPE + "self.replicas <= " + SpecRules.BATCH + " / " + SpecRules.GROUP
                + " && (!has(self.elastic.maxReplicas) || self.elastic.maxReplicas <= " + SpecRules.BATCH + " / "
                + SpecRules.GROUP + ")",
        message = SpecValidator.GROUPS,
        fieldPath = ".elastic")
@ValidationRule(
        value = "!has(self.crops) || self.crops.size() > 1 || self.crops[0].count > 1",
        message = SpecValidator.TWO_CROPS,
        fieldPath = ".crops")
@ValidationRule(
        value = SpecRules.NO_RECIPE + "!has(self.assignment.queue) || " + SpecRules.QUEUE,
        message = SpecValidator.QUEUE_MODE,
        fieldPath = ".assignment.queue")
@ValidationRule(
        value = SpecRules.NO_RECIPE + "!" + SpecRules.QUEUE + " || " + SpecRules.BATCH
                + " <= (has(self.assignment.queue) && has(self.assignment.queue.length)"
                + " ? self.assignment.queue.length : 3840)",
        message = SpecValidator.QUEUE_LENGTH,
        fieldPath = ".assignment.queue.length")
@ValidationRule(
        value = SpecRules.NO_RECIPE + "!" + SpecRules.QUEUE + " || " + SpecRules.EPOCHS
                + " > (has(self.assignment.queue) && has(self.assignment.queue.fromEpoch)"
                + " ? self.assignment.queue.fromEpoch : 15)",
        message = SpecValidator.QUEUE_EPOCH,
        fieldPath = ".assignment.queue.fromEpoch")
@ValidationRule(
        value = SpecRules.NO_RECIPE + SpecRules.BATCH + " % " + SpecRules.GROUP + " == 0",
        message = SpecValidator.GROUP_SIZE,
        fieldPath = ".training.groupSize")
@ValidationRule(
        value = SpecRules.NO_RECIPE + "!has(self.training.batchNorm.groupSize)"
                + " || (self.training.batchNorm.groupSize % " + SpecRules.GROUP + " == 0"
                + " && " + SpecRules.BATCH + " % self.training.batchNorm.groupSize == 0)",
        message = SpecValidator.BATCH_NORM,
        fieldPath = ".training.batchNorm")
@ValidationRule(
        value = "self.training.reproducibility != 'Bitwise' || self.training.gradients.precision == 'fp32'",
        message = SpecValidator.ROUNDED,
        fieldPath = ".training.gradients")
@ValidationRule(
        value = SpecRules.NO_RECIPE
                + "(has(self.training.optimizer.warmupEpochs) ? self.training.optimizer.warmupEpochs : 10.0) <= double("
                + SpecRules.EPOCHS + ")",
        message = SpecValidator.WARM_UP,
        fieldPath = ".training.optimizer")
@ValidationRule(
        value = "!has(self.data.grow) || !self.data.grow || has(self.checkpoint.uri)",
        message = SpecValidator.GROW_STORE,
        fieldPath = ".data.grow")
@ValidationRule(
        value = "!has(self.data.grow) || !self.data.grow || !self.data.uri.matches('" + SpecValidator.NAMED_SHARDS_FORM
                + "')",
        message = SpecValidator.GROW_PLACE,
        fieldPath = ".data.uri")
@ValidationRule(
        value =
                "(!has(self.model.architecture) || !has(oldSelf.model.architecture) || self.model.architecture == oldSelf.model.architecture)"
                        + " && (!has(self.model.stem) || !has(oldSelf.model.stem) || self.model.stem == oldSelf.model.stem)"
                        + " && (!has(self.model.prototypes) || !has(oldSelf.model.prototypes) || self.model.prototypes == oldSelf.model.prototypes)"
                        + " && (!has(self.model.featureDim) || !has(oldSelf.model.featureDim) || self.model.featureDim == oldSelf.model.featureDim)"
                        + " && (!has(self.model.hiddenDim) || !has(oldSelf.model.hiddenDim) || self.model.hiddenDim == oldSelf.model.hiddenDim)"
                        + " && (!has(self.model.width) || !has(oldSelf.model.width) || self.model.width == oldSelf.model.width)"
                        + " && (!has(self.model.headNorm) || !has(oldSelf.model.headNorm) || self.model.headNorm == oldSelf.model.headNorm)"
                        + " && (has(self.recipe) || has(oldSelf.recipe) || has(self.model.width) == has(oldSelf.model.width))"
                        + " && (has(self.recipe) || has(oldSelf.recipe) || has(self.model.headNorm) == has(oldSelf.model.headNorm))",
        message = SpecValidator.FIXED_MODEL,
        fieldPath = ".model")
@ValidationRule(
        value = "self.data.uri == oldSelf.data.uri && has(self.data.evalUri) == has(oldSelf.data.evalUri)"
                + " && (!has(self.data.evalUri) || self.data.evalUri == oldSelf.data.evalUri)"
                + " && has(self.data.imageExtension) == has(oldSelf.data.imageExtension)"
                + " && (!has(self.data.imageExtension) || self.data.imageExtension == oldSelf.data.imageExtension)"
                + " && has(self.data.labelExtension) == has(oldSelf.data.labelExtension)"
                + " && (!has(self.data.labelExtension) || self.data.labelExtension == oldSelf.data.labelExtension)"
                + " && self.data.maxPixels == oldSelf.data.maxPixels && self.data.augmentOn == oldSelf.data.augmentOn"
                + " && self.data.exifOrientation == oldSelf.data.exifOrientation"
                + " && has(self.data.s3) == has(oldSelf.data.s3)"
                + " && (!has(self.data.s3) || self.data.s3 == oldSelf.data.s3)"
                + " && has(self.data.grow) == has(oldSelf.data.grow)"
                + " && (!has(self.data.grow) || self.data.grow == oldSelf.data.grow)",
        message = SpecValidator.FIXED_DATA,
        fieldPath = ".data")
@ValidationRule(
        value = "!has(self.crops) || !has(oldSelf.crops) || self.crops == oldSelf.crops",
        message = SpecValidator.FIXED_CROPS,
        fieldPath = ".crops")
@ValidationRule(
        value =
                "(!has(self.assignment.mode) || !has(oldSelf.assignment.mode) || self.assignment.mode == oldSelf.assignment.mode)"
                        + " && (!has(self.assignment.epsilon) || !has(oldSelf.assignment.epsilon) || self.assignment.epsilon == oldSelf.assignment.epsilon)"
                        + " && (!has(self.assignment.iterations) || !has(oldSelf.assignment.iterations) || self.assignment.iterations == oldSelf.assignment.iterations)"
                        + " && (!has(self.assignment.temperature) || !has(oldSelf.assignment.temperature) || self.assignment.temperature == oldSelf.assignment.temperature)"
                        + " && (!has(self.assignment.hardCodesSteps) || !has(oldSelf.assignment.hardCodesSteps) || self.assignment.hardCodesSteps == oldSelf.assignment.hardCodesSteps)"
                        + " && (has(self.recipe) || has(oldSelf.recipe) || has(self.assignment.hardCodesSteps) == has(oldSelf.assignment.hardCodesSteps))"
                        + " && (has(self.recipe) || has(oldSelf.recipe) || has(self.assignment.queue) == has(oldSelf.assignment.queue))"
                        + " && (!has(self.assignment.queue) || !has(oldSelf.assignment.queue) || ((!has(self.assignment.queue.length) || !has(oldSelf.assignment.queue.length) || self.assignment.queue.length == oldSelf.assignment.queue.length) && (!has(self.assignment.queue.fromEpoch) || !has(oldSelf.assignment.queue.fromEpoch) || self.assignment.queue.fromEpoch == oldSelf.assignment.queue.fromEpoch)))",
        message = SpecValidator.FIXED_ASSIGNMENT,
        fieldPath = ".assignment")
@ValidationRule(
        value =
                "has(self.training.maxSteps) == has(oldSelf.training.maxSteps)"
                        + " && (!has(self.training.maxSteps) || !has(oldSelf.training.maxSteps) || self.training.maxSteps == oldSelf.training.maxSteps)"
                        + " && self.training.seed == oldSelf.training.seed"
                        + " && self.training.precision == oldSelf.training.precision"
                        + " && self.training.reproducibility == oldSelf.training.reproducibility"
                        + " && self.training.gradients == oldSelf.training.gradients"
                        + " && (!has(self.training.globalBatch) || !has(oldSelf.training.globalBatch) || self.training.globalBatch == oldSelf.training.globalBatch)"
                        + " && (!has(self.training.groupSize) || !has(oldSelf.training.groupSize) || self.training.groupSize == oldSelf.training.groupSize)"
                        + " && (!has(self.training.prototypesFrozenSteps) || !has(oldSelf.training.prototypesFrozenSteps) || self.training.prototypesFrozenSteps == oldSelf.training.prototypesFrozenSteps)"
                        + " && (!has(self.training.batchNorm.groupSize) || !has(oldSelf.training.batchNorm.groupSize) || self.training.batchNorm.groupSize == oldSelf.training.batchNorm.groupSize)"
                        + " && (!has(self.training.optimizer.learningRate) || !has(oldSelf.training.optimizer.learningRate) || self.training.optimizer.learningRate == oldSelf.training.optimizer.learningRate)"
                        + " && (!has(self.training.optimizer.finalLearningRate) || !has(oldSelf.training.optimizer.finalLearningRate) || self.training.optimizer.finalLearningRate == oldSelf.training.optimizer.finalLearningRate)"
                        + " && (!has(self.training.optimizer.warmupStart) || !has(oldSelf.training.optimizer.warmupStart) || self.training.optimizer.warmupStart == oldSelf.training.optimizer.warmupStart)"
                        + " && (!has(self.training.optimizer.warmupEpochs) || !has(oldSelf.training.optimizer.warmupEpochs) || self.training.optimizer.warmupEpochs == oldSelf.training.optimizer.warmupEpochs)"
                        + " && (!has(self.training.optimizer.momentum) || !has(oldSelf.training.optimizer.momentum) || self.training.optimizer.momentum == oldSelf.training.optimizer.momentum)"
                        + " && (!has(self.training.optimizer.weightDecay) || !has(oldSelf.training.optimizer.weightDecay) || self.training.optimizer.weightDecay == oldSelf.training.optimizer.weightDecay)"
                        + " && (!has(self.training.optimizer.trustCoefficient) || !has(oldSelf.training.optimizer.trustCoefficient) || self.training.optimizer.trustCoefficient == oldSelf.training.optimizer.trustCoefficient)"
                        + " && (!has(self.training.optimizer.larcClip) || !has(oldSelf.training.optimizer.larcClip) || self.training.optimizer.larcClip == oldSelf.training.optimizer.larcClip)"
                        + " && (!has(self.training.optimizer.excludeBiasAndNorm) || !has(oldSelf.training.optimizer.excludeBiasAndNorm) || self.training.optimizer.excludeBiasAndNorm == oldSelf.training.optimizer.excludeBiasAndNorm)"
                        + " && (!has(self.training.augmentation.jitterStrength) || !has(oldSelf.training.augmentation.jitterStrength) || self.training.augmentation.jitterStrength == oldSelf.training.augmentation.jitterStrength)"
                        + " && (!has(self.training.augmentation.jitterProbability) || !has(oldSelf.training.augmentation.jitterProbability) || self.training.augmentation.jitterProbability == oldSelf.training.augmentation.jitterProbability)"
                        + " && (!has(self.training.augmentation.grayProbability) || !has(oldSelf.training.augmentation.grayProbability) || self.training.augmentation.grayProbability == oldSelf.training.augmentation.grayProbability)"
                        + " && (!has(self.training.augmentation.blurProbability) || !has(oldSelf.training.augmentation.blurProbability) || self.training.augmentation.blurProbability == oldSelf.training.augmentation.blurProbability)"
                        + " && (has(self.recipe) || has(oldSelf.recipe) || has(self.training.batchNorm.groupSize) == has(oldSelf.training.batchNorm.groupSize))"
                        + " && (has(self.recipe) || has(oldSelf.recipe) || has(self.training.optimizer.excludeBiasAndNorm) == has(oldSelf.training.optimizer.excludeBiasAndNorm))",
        message = SpecValidator.FIXED_TRAINING,
        fieldPath = ".training")
@ValidationRule(
        value = "!has(self.training.epochs) || !has(oldSelf.training.epochs)"
                + " || self.training.epochs >= oldSelf.training.epochs",
        message = SpecValidator.EPOCHS_GROW,
        fieldPath = ".training.epochs")
@ValidationRule(
        value = "self.training.reproducibility == 'Fast' || self.training.threads == oldSelf.training.threads",
        message = SpecValidator.FIXED_THREADS,
        fieldPath = ".training.threads")
@ValidationRule(
        value = "has(self.checkpoint.uri) == has(oldSelf.checkpoint.uri)"
                + " && (!has(self.checkpoint.uri) || self.checkpoint.uri == oldSelf.checkpoint.uri)"
                + " && has(self.checkpoint.s3) == has(oldSelf.checkpoint.s3)"
                + " && (!has(self.checkpoint.s3) || self.checkpoint.s3 == oldSelf.checkpoint.s3)",
        message = SpecValidator.FIXED_CHECKPOINT,
        fieldPath = ".checkpoint")
public record SwavJobSpec(
        @JsonPropertyDescription(
                "Wanted trainer pods, 1 by default. `kubectl scale`, HPA and KEDA write it through the scale"
                        + " subresource. The world may be smaller while capacity is missing (never below"
                        + " elastic.minReplicas); status.world.size is its size. Changing it never"
                        + " restarts a trainer and never changes the computation.")
        @Default("1")
        @Min(1)
        @Max(10_000)
        @SpecReplicas
        Integer replicas,

        @JsonPropertyDescription("true deletes all pods and keeps everything else; false (default) runs the job.")
        @Default("false")
        Boolean suspend,

        @JsonPropertyDescription("How far the size of the world may differ from replicas.") @Default("{}")
        ElasticSpec elastic,

        @JsonPropertyDescription("Pod template of the trainers, an ordinary PodTemplateSpec (see `kubectl explain"
                + " pod.spec`): image, resources, tolerations, volumes are yours and stay untouched."
                + " The trainer's container is the one named `trainer`, or the first. The operator adds"
                + " its environment (SWAV_*), the volumes of /etc/swav and /run/swav, a readiness probe"
                + " if none is given, restartPolicy Never and the job's ServiceAccount."
                + " After a change pods that have not started are replaced at once, and running ones as"
                + " rollout says.")
        @Required
        @SchemaFrom(type = FreeForm.class)
        @PreserveUnknownFields
        @Nullable
        JsonNode template,

        @JsonPropertyDescription("The network: backbone, projection head and prototypes. Immutable.") @Default("{}")
        ModelSpec model,

        @JsonPropertyDescription(
                "Where the images are. Immutable, except workers, maxBadSamples, cache and growCheckSeconds.")
        @Required
        DataSpec data,

        @JsonPropertyDescription(
                "Crops of each image, one entry per resolution, largest first. The first entry's crops get"
                        + " codes; every crop predicts the codes of the others. By default the recipe's,"
                        + " or the paper's 2 x 224 (0.14 to 1) and 6 x 96 (0.05 to 0.14); a list replaces the recipe's as a"
                        + " whole. Immutable.")
        @Size(min = 1, max = 8)
        List<CropSpec> crops,

        @JsonPropertyDescription("How images are assigned to prototypes (Sinkhorn). Immutable.") @Default("{}")
        AssignmentSpec assignment,

        @JsonPropertyDescription("How the model is trained, counted in global steps and samples only, so that a"
                + " resize changes nothing. Immutable, except epochs and threads.")
        @Default("{}")
        TrainingSpec training,

        @JsonPropertyDescription("When and where checkpoints are written. Immutable are uri and s3.") @Default("{}")
        CheckpointSpec checkpoint,

        @JsonPropertyDescription("How failures are handled.") @Default("{}")
        RecoverySpec recovery,

        @JsonPropertyDescription("What a change of template does to pods that run.") @Default("{}")
        RolloutSpec rollout,

        @JsonPropertyDescription(
                "Where and how the trainers' pods are placed, beside what the template says. A change applies"
                        + " to pods created afterwards.")
        @Default("{}")
        SchedulingSpec scheduling,

        @JsonPropertyDescription(
                "Seconds for which the job may run before it is Failed with reason DeadlineExceeded; unset"
                        + " for any time. As for a Job of Kubernetes the clock starts with the job (status.startTime), whether or"
                        + " not its pods run, stops while the job is suspended, and starts anew when it is resumed. At the end the"
                        + " trainers leave as on notice and save a last checkpoint, from which a new job with the same settings"
                        + " and checkpoint.uri continues. May be raised and lowered while the job runs.")
        @Min(1)
        @Max(Integer.MAX_VALUE)
        @Nullable
        Integer activeDeadlineSeconds,

        @JsonPropertyDescription(
                "Seconds after the end (Complete or Failed) at which the job's pods, and with them their logs,"
                        + " are deleted; unset keeps them. The SwavJob itself is never deleted, so a GitOps"
                        + " controller does not create it again and train twice.")
        @Min(0)
        @Max(Integer.MAX_VALUE)
        @Nullable
        Integer ttlSecondsAfterFinished,

        @JsonPropertyDescription("Settings of a published run by name, for model, crops, assignment and training: every"
                + " field that the manifest sets wins over the recipe, field by field, and fields without a value in either"
                + " have the defaults that their descriptions give. `./swav recipes NAME` prints a recipe. With a"
                + " training.globalBatch of your own, the recipe's learning rates and prototypesFrozenSteps are scaled with"
                + " it. The resolved settings are in ConfigMap <job>-config. May change to a recipe with the same"
                + " settings or more epochs.")
        @SchemaFrom(type = Recipe.Name.class)
        @Nullable
        String recipe) {

    public SwavJobSpec {
        Recipe settings = Recipe.of(recipe);
        model = ModelSpec.over(model, settings.model());
        crops = Recipe.either(crops, settings.crops());
        assignment = AssignmentSpec.over(assignment, settings.assignment());
        training = TrainingSpec.over(training, settings.training(), settings.scales());
        // an older CRD, or a spec kept by an older operator, lacks them
        rollout = Objects.requireNonNullElse(rollout, new RolloutSpec(RolloutSpec.RolloutType.RollingUpdate));
        scheduling = Objects.requireNonNullElse(
                scheduling,
                new SchedulingSpec(SchedulingSpec.ZonePolicy.PreferSame, SchedulingSpec.GangScheduler.None));
    }

    /**
     * Returns the most trainers that {@code elastic} allows: never more than groups, because a group is never split.
     */
    public int maxReplicas() {
        Integer max = elastic.maxReplicas();
        return max == null ? training.groups() : max;
    }

    /** Returns the same spec with another number of epochs. */
    public SwavJobSpec withEpochs(int epochs) {
        return new SwavJobSpec(
                replicas,
                suspend,
                elastic,
                template,
                model,
                data,
                crops,
                assignment,
                training.with(epochs, training.threads()),
                checkpoint,
                recovery,
                rollout,
                scheduling,
                activeDeadlineSeconds,
                ttlSecondsAfterFinished,
                recipe);
    }

    /**
     * An object that the schema leaves open; a JsonNode in Java, so that no template can break the operator's watch.
     */
    record FreeForm() {}
}
