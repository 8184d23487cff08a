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
 * The user's wishes for a job. After defaulting (by the API server or {@link SpecLoader}) only fields that are
 * documented as optional are null. A value that only a later version knows is read as null, like a field that it alone
 * knows, so that no such job stops the operator's watch of all others.
 *
 * <p>The rules on the types below are CEL for API servers from 1.25; {@link SpecValidator} repeats them in Java for
 * older servers and for specs that never reach one. A test holds the two together. An API server judges a default by
 * its own node's rules before it fills in nested defaults, so a rule that reads such a field must be on a type without
 * a default: the rules about {@code training} are on the spec.
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
        value = "self.replicas <= self.training.globalBatch / self.training.groupSize"
                + " && (!has(self.elastic.maxReplicas)"
                + " || self.elastic.maxReplicas <= self.training.globalBatch / self.training.groupSize)",
        message = SpecValidator.GROUPS,
        fieldPath = ".elastic")
@ValidationRule(
        value = "self.crops.size() > 1 || self.crops[0].count > 1",
        message = SpecValidator.TWO_CROPS,
        fieldPath = ".crops")
@ValidationRule(
        value = "self.assignment.mode != 'Queue' || self.training.globalBatch"
                + " <= (has(self.assignment.queue) ? self.assignment.queue.length : 3840)",
        message = SpecValidator.QUEUE_LENGTH,
        fieldPath = ".assignment.queue.length")
@ValidationRule(
        value = "self.assignment.mode != 'Queue' || self.training.epochs"
                + " > (has(self.assignment.queue) ? self.assignment.queue.fromEpoch : 15)",
        message = SpecValidator.QUEUE_EPOCH,
        fieldPath = ".assignment.queue.fromEpoch")
@ValidationRule(
        value = "self.training.globalBatch % self.training.groupSize == 0",
        message = SpecValidator.GROUP_SIZE,
        fieldPath = ".training.groupSize")
@ValidationRule(
        value = "!has(self.training.batchNorm.groupSize)"
                + " || (self.training.batchNorm.groupSize % self.training.groupSize == 0"
                + " && self.training.globalBatch % self.training.batchNorm.groupSize == 0)",
        message = SpecValidator.BATCH_NORM,
        fieldPath = ".training.batchNorm")
@ValidationRule(
        value = "self.training.reproducibility != 'Bitwise' || self.training.gradients.precision == 'fp32'",
        message = SpecValidator.ROUNDED,
        fieldPath = ".training.gradients")
@ValidationRule(
        value = "self.training.optimizer.warmupEpochs <= double(self.training.epochs)",
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
@ValidationRule(value = "self.model == oldSelf.model", message = SpecValidator.FIXED_MODEL, fieldPath = ".model")
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
@ValidationRule(value = "self.crops == oldSelf.crops", message = SpecValidator.FIXED_CROPS, fieldPath = ".crops")
@ValidationRule(
        value = "self.assignment == oldSelf.assignment",
        message = SpecValidator.FIXED_ASSIGNMENT,
        fieldPath = ".assignment")
@ValidationRule(
        value = "self.training.globalBatch == oldSelf.training.globalBatch"
                + " && self.training.groupSize == oldSelf.training.groupSize"
                + " && has(self.training.maxSteps) == has(oldSelf.training.maxSteps)"
                + " && (!has(self.training.maxSteps) || self.training.maxSteps == oldSelf.training.maxSteps)"
                + " && self.training.seed == oldSelf.training.seed"
                + " && self.training.precision == oldSelf.training.precision"
                + " && self.training.reproducibility == oldSelf.training.reproducibility"
                + " && self.training.optimizer == oldSelf.training.optimizer"
                + " && self.training.batchNorm == oldSelf.training.batchNorm"
                + " && self.training.gradients == oldSelf.training.gradients"
                + " && self.training.prototypesFrozenSteps == oldSelf.training.prototypesFrozenSteps"
                + " && self.training.augmentation == oldSelf.training.augmentation",
        message = SpecValidator.FIXED_TRAINING,
        fieldPath = ".training")
@ValidationRule(
        value = "self.training.epochs >= oldSelf.training.epochs",
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
                        + " codes; every crop predicts the codes of the others. By default the paper's"
                        + " 2 x 224 and 6 x 96. Immutable.")
        @Default("[{\"count\":2,\"size\":224,\"minScale\":0.14,\"maxScale\":1.0},"
                + "{\"count\":6,\"size\":96,\"minScale\":0.05,\"maxScale\":0.14}]")
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
        Integer ttlSecondsAfterFinished) {

    public SwavJobSpec {
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
                ttlSecondsAfterFinished);
    }

    /**
     * An object that the schema leaves open; a JsonNode in Java, so that no template can break the operator's watch.
     */
    record FreeForm() {}
}
