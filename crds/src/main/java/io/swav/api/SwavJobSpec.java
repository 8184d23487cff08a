package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;

import com.fasterxml.jackson.annotation.JsonFormat;
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
import io.fabric8.kubernetes.api.model.Quantity;
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
                + " && (!has(self.data.s3) || self.data.s3 == oldSelf.data.s3)",
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
        Elastic elastic,

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
        Model model,

        @JsonPropertyDescription("Where the images are. Immutable, except workers, maxBadSamples and cache.") @Required
        Data data,

        @JsonPropertyDescription(
                "Crops of each image, one entry per resolution, largest first. The first entry's crops get"
                        + " codes; every crop predicts the codes of the others. By default the paper's"
                        + " 2 x 224 and 6 x 96. Immutable.")
        @Default("[{\"count\":2,\"size\":224,\"minScale\":0.14,\"maxScale\":1.0},"
                + "{\"count\":6,\"size\":96,\"minScale\":0.05,\"maxScale\":0.14}]")
        @Size(min = 1, max = 8)
        List<CropSpec> crops,

        @JsonPropertyDescription("How images are assigned to prototypes (Sinkhorn). Immutable.") @Default("{}")
        Assignment assignment,

        @JsonPropertyDescription("How the model is trained, counted in global steps and samples only, so that a"
                + " resize changes nothing. Immutable, except epochs and threads.")
        @Default("{}")
        Training training,

        @JsonPropertyDescription("When and where checkpoints are written. Immutable are uri and s3.") @Default("{}")
        Checkpoint checkpoint,

        @JsonPropertyDescription("How failures are handled.") @Default("{}")
        Recovery recovery,

        @JsonPropertyDescription("What a change of template does to pods that run.") @Default("{}")
        Rollout rollout,

        @JsonPropertyDescription(
                "Where and how the trainers' pods are placed, beside what the template says. A change applies"
                        + " to pods created afterwards.")
        @Default("{}")
        Scheduling scheduling,

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
        rollout = Objects.requireNonNullElse(rollout, new Rollout(RolloutType.RollingUpdate));
        scheduling = Objects.requireNonNullElse(scheduling, new Scheduling(ZonePolicy.PreferSame, GangScheduler.None));
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

    /** How far the size of the world may differ from {@code replicas}. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Elastic(
            @JsonPropertyDescription("Minimum of trainers for training, 1 by default. With fewer the job pauses:"
                    + " survivors keep the state in memory and wait.")
            @Default("1")
            @Min(1)
            @Max(10_000)
            Integer minReplicas,

            @JsonPropertyDescription(
                    "Maximum of trainers, at most training.globalBatch / training.groupSize, which is also"
                            + " the value if unset.")
            @Min(1)
            @Max(10_000)
            @Nullable
            Integer maxReplicas,

            @JsonPropertyDescription("Pods kept Ready beyond replicas, 0 by default: they are not in the world and"
                    + " replace a lost member without a cold start.")
            @Default("0")
            @Min(0)
            @Max(10_000)
            Integer spares,

            @JsonPropertyDescription(
                    "Seconds for which the world stays unchanged before it grows again, 30 by default, so"
                            + " that newcomers that arrive one after another cost one change. Shrinking and"
                            + " replacing never wait.")
            @Default("30")
            @Min(0)
            @Max(86_400)
            Integer growAfterSeconds) {}

    /** The network. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Model(
            @JsonPropertyDescription(
                    "Backbone: resnet50 (default, the paper's); resnet50w2, w4 and w5, the paper's wide"
                            + " networks, whose layers all have 2, 4 and 5 times the channels; resnet101, resnet34, resnet18; or"
                            + " tiny, a small residual network for laptops and tests.")
            @Default("resnet50")
            @SchemaFrom(type = Architecture.class)
            String architecture,

            @JsonPropertyDescription("First layers: imagenet (default: 7x7 convolution of stride 2 and max-pool) or"
                    + " small (3x3 convolution of stride 1, no pool) for images of about 32 pixels.")
            @Default("imagenet")
            @SchemaFrom(type = Stem.class)
            String stem,

            @JsonPropertyDescription("Prototypes K, 3000 by default. Fewer train more easily on small data sets;"
                    + " ln K is the loss of a network that distinguishes nothing.")
            @Default("3000")
            @Min(2)
            @Max(1_000_000)
            Integer prototypes,

            @JsonPropertyDescription(
                    "Length of the normalized feature that is compared with the prototypes, 128 by default.")
            @Default("128")
            @Min(1)
            @Max(65_536)
            Integer featureDim,

            @JsonPropertyDescription("Width of the projection head's hidden layer, 2048 by default; 0 for a head of a"
                    + " single linear layer.")
            @Default("2048")
            @Min(0)
            @Max(65_536)
            Integer hiddenDim,

            @JsonPropertyDescription("Channels of the backbone's stem, to which all its layers are proportional; unset:"
                    + " the architecture's own, 64, or 16 of tiny. For small budgets: resnet18 of width 32.")
            @Min(1)
            @Max(1024)
            @Nullable
            Integer width,

            @JsonPropertyDescription(
                    "Whether batch norm follows the head's hidden layer; unset: yes. VISSL's w5 has" + " none.")
            @Nullable
            Boolean headNorm) {
        /** Yes is what unset means, also in the digest of a configuration. */
        public Model {
            headNorm = Boolean.FALSE.equals(headNorm) ? headNorm : null;
        }
    }

    /** The schema's values of {@link Model#architecture}. */
    enum Architecture {
        resnet50,
        resnet50w2,
        resnet50w4,
        resnet50w5,
        resnet101,
        resnet34,
        resnet18,
        tiny
    }

    /** The schema's values of {@link Model#stem}. */
    enum Stem {
        imagenet,
        small
    }

    /** Where the images are. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @ValidationRule(
            value = "!self.uri.startsWith('file://') || self.uri.startsWith('file:///')",
            message = SpecValidator.DATA_URI,
            fieldPath = ".uri")
    @ValidationRule(
            value = "!has(self.evalUri) || !self.evalUri.startsWith('file://') || self.evalUri.startsWith('file:///')",
            message = SpecValidator.DATA_EVAL_URI,
            fieldPath = ".evalUri")
    public record Data(
            @JsonPropertyDescription(
                    "Training images: a folder of WebDataset tar shards (.tar, .tar.gz, .tar.zst) or of"
                            + " one folder of images per class, as file:///folder (the path is the container's, so mount it with"
                            + " a volume of the template) or s3://bucket/prefix; or shards by name, also https://host/s-{000..099}.tar"
                            + " (https://host/one.tar). Names may have braces, and * and ? in their last part except on a web"
                            + " server. Labels, if any, are not used for training.")
            @Required
            @Size(min = 1, max = 4096)
            String uri,

            @JsonPropertyDescription("Labeled images in the same form: when training has ended, kNN top-1 of (at"
                    + " most 2,000 of) them among (at most 10,000 of) the training images is reported in"
                    + " status.progress.knnTop1. If several trainers trained, the operator allows two minutes for"
                    + " it (swav eval knn uses all images and any time). Unset: no evaluation.")
            @Size(min = 1, max = 4096)
            @Nullable
            String evalUri,

            @JsonPropertyDescription("Undecodable images that are skipped and counted"
                    + " (status.progress.skippedSamples) before the job fails, 100 by default. Running trainers"
                    + " follow a change.")
            @Default("100")
            @Min(0)
            @Max(Integer.MAX_VALUE)
            Integer maxBadSamples,

            @JsonPropertyDescription("Pixels, width times height, of the largest image that is decoded, 67108864 by"
                    + " default (8192 x 8192). The image's header decides, before memory is taken for its pixels. A larger"
                    + " image, or one that needs more memory than the pod has, is skipped and counted like an"
                    + " undecodable one.")
            @Default("67108864")
            @Min(1)
            @Max(715_827_879)
            Integer maxPixels,

            @JsonPropertyDescription(
                    "Threads per pod that decode and crop images, 2 by default. A change applies to pods"
                            + " created afterwards.")
            @Default("2")
            @Min(1)
            @Max(512)
            Integer workers,

            @JsonPropertyDescription(
                    "In shards, which entries of a sample are images, by the part of their names after the"
                            + " first dot (WebDataset's extension): \"jpg;png\" prefers jpg, \"*\" takes every image as a sample of its"
                            + " own. Unset: the one image, or the one whose extension has no dot (a.jpg, not a.seg.png). Immutable.")
            @Size(min = 1, max = 256)
            @Nullable
            String imageExtension,

            @JsonPropertyDescription("In shards, which entries are labels: cls (a number), json (its member label, cls,"
                    + " class, class_id or class_name) or txt (a number or a name). Unset: cls, or json. Training uses no"
                    + " labels. Immutable.")
            @SchemaFrom(type = LabelExtension.class)
            @Nullable
            String labelExtension,

            @JsonPropertyDescription(
                    "Where crops are made from decoded images: Host (default), by the workers, or Device,"
                            + " on the device of the network: for pods with a GPU and so few CPU cores that the GPU"
                            + " waits for them. The crops are the same except for rounding, by one level of 255 in places.")
            @Default("Host")
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            AugmentOn augmentOn,

            @JsonPropertyDescription(
                    "Whether photographs of a camera that was not held upright are turned: Ignore (default),"
                            + " as torchvision's loaders do, or Apply, as their EXIF orientation says.")
            @Default("Ignore")
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            ExifOrientation exifOrientation,

            @JsonPropertyDescription(
                    "The service of s3:// data; unset: AWS, as the pod's environment specifies. Credentials come from"
                            + " the AWS SDK's own chain, as for checkpoints.")
            @Nullable
            S3 s3,

            @JsonPropertyDescription(
                    "A folder in which what was read of s3:// and https:// data is kept, so that later epochs, and pods"
                            + " that find the folder on their node, do not fetch it again. Unset: none. A change"
                            + " applies to pods created afterwards.")
            @Nullable
            Cache cache) {
        /** The value of {@link #maxPixels} if it is unset. */
        public static final int MAX_PIXELS = 1 << 26;

        /** An older CRD, or a spec kept by an older operator, lacks these fields, which means their defaults. */
        public Data {
            maxPixels = Objects.requireNonNullElse(maxPixels, MAX_PIXELS);
            augmentOn = Objects.requireNonNullElse(augmentOn, AugmentOn.Host);
            exifOrientation = Objects.requireNonNullElse(exifOrientation, ExifOrientation.Ignore);
        }

        /** Returns the same data with the settings that may change while a job runs. */
        Data with(Integer newWorkers, Integer newMaxBadSamples, @Nullable Cache newCache) {
            return new Data(
                    uri,
                    evalUri,
                    newMaxBadSamples,
                    maxPixels,
                    newWorkers,
                    imageExtension,
                    labelExtension,
                    augmentOn,
                    exifOrientation,
                    s3,
                    newCache);
        }
    }

    /** A folder in which remote data is kept. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @ValidationRule(
            value = "self.path.matches('" + SpecValidator.CACHE_PATH_FORM + "')",
            message = SpecValidator.CACHE_PATH,
            fieldPath = ".path")
    @ValidationRule(
            value = "self.size.matches('" + SpecValidator.CACHE_SIZE_FORM + "')",
            message = SpecValidator.CACHE_SIZE,
            fieldPath = ".size")
    public record Cache(
            @JsonPropertyDescription("The folder, in the container. If no volume of the template is mounted there, the"
                    + " operator adds an emptyDir of this size, which ends with its pod; a hostPath of the template is"
                    + " found by the pods that follow on the node. Several pods may share it.")
            @Required
            @Size(min = 1, max = 4096)
            String path,

            @JsonPropertyDescription(
                    "The most that is kept, such as 200Gi (Mi, Gi or Ti). What other data sets have not"
                            + " used for an hour makes room.")
            @Required
            @Size(min = 1, max = 32)
            String size) {

        /** Returns the size in bytes. */
        public long bytes() {
            return new Quantity(size).getNumericalAmount().longValueExact();
        }
    }

    /** The schema's values of {@link Data#labelExtension}. */
    enum LabelExtension {
        cls,
        json,
        txt
    }

    /** Where crops are made from decoded images. */
    public enum AugmentOn {
        Host,
        Device
    }

    /** What becomes of the orientation that an image's EXIF block states. */
    public enum ExifOrientation {
        Ignore,
        Apply
    }

    /** One resolution: {@code count} square crops of {@code size} pixels, area fraction in [minScale, maxScale]. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @ValidationRule(value = "self.minScale < self.maxScale", message = SpecValidator.SCALES, fieldPath = ".minScale")
    public record CropSpec(
            @JsonPropertyDescription("Crops of this resolution per image.") @Required @Min(1) @Max(64)
            Integer count,

            @JsonPropertyDescription("Side of the square crop, pixels.") @Required @Min(8) @Max(1024)
            Integer size,

            @JsonPropertyDescription("Smallest share of the image's area, above 0.")
            @Required
            @Min(value = 0, inclusive = false)
            @Max(1)
            Double minScale,

            @JsonPropertyDescription("Largest share of the image's area, above minScale and at most 1.")
            @Required
            @Min(value = 0, inclusive = false)
            @Max(1)
            Double maxScale) {}

    /** Sinkhorn's settings, paper section 3.1 and its appendix. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @ValidationRule(
            value = "!has(self.queue) || self.mode == 'Queue'",
            message = SpecValidator.QUEUE_MODE,
            fieldPath = ".queue")
    public record Assignment(
            @JsonPropertyDescription("QueueFree (default): Sinkhorn sees the full global batch of the step and nothing"
                    + " else, which works for small batches too. Queue: it also sees features of earlier steps, the"
                    + " paper's way with small batches.")
            @Default("QueueFree")
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            Mode mode,

            @JsonPropertyDescription("Sharpness of the codes: scores are divided by it, 0.05 by default. Lower it"
                    + " (0.03) if the loss stays at ln K.")
            @Default("0.05")
            @Min(value = 0, inclusive = false)
            @Max(10)
            Double epsilon,

            @JsonPropertyDescription("Sinkhorn iterations, 3 by default.") @Default("3") @Min(1) @Max(1000)
            Integer iterations,

            @JsonPropertyDescription("Temperature of the softmax over prototypes, 0.1 by default.")
            @Default("0.1")
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
        /** None is what unset means, also in the digest of a configuration. */
        public Assignment {
            if (mode == Mode.Queue) {
                queue = Objects.requireNonNullElse(queue, Queue.STANDARD);
            }
            hardCodesSteps = hardCodesSteps != null && hardCodesSteps == 0 ? null : hardCodesSteps;
        }
    }

    /** The queue of earlier features, paper section 3.1, "Working with small batches". */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Queue(
            @JsonPropertyDescription("Features of each assigned crop (one of the first resolution) that the queue"
                    + " keeps, over all trainers, 3840 by default. At least training.globalBatch, and rounded down to"
                    + " a multiple of it.")
            @Default("3840")
            @Min(1)
            @Max(16_777_216)
            Integer length,

            @JsonPropertyDescription("Epoch, counted from 0, in which features begin to enter the queue, 15 by"
                    + " default; Sinkhorn uses it as soon as it is full, length / globalBatch steps later.")
            @Default("15")
            @Min(0)
            @Max(1_000_000)
            Integer fromEpoch) {
        static final int LENGTH = 3840;
        static final int FROM_EPOCH = 15;
        static final Queue STANDARD = new Queue(LENGTH, FROM_EPOCH);
    }

    /** Which features Sinkhorn sees beside those of the step: none, or a queue of earlier ones. */
    public enum Mode {
        QueueFree,
        Queue
    }

    /** How the model is trained, counted in global steps and samples only, so that a resize changes nothing. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Training(
            @JsonPropertyDescription("Images per step, over all trainers, 4096 by default.")
            @Default("4096")
            @Min(1)
            @Max(16_777_216)
            Integer globalBatch,

            @JsonPropertyDescription("Images per group, 64 by default (the paper's share of a GPU); divides"
                    + " globalBatch. The group is the unit of computation: computed as one, never split, and"
                    + " assigned to a trainer as a whole, so that results do not depend on the number of trainers.")
            @Default("64")
            @Min(1)
            @Max(16_777_216)
            Integer groupSize,

            @JsonPropertyDescription(
                    "Passes over the data, 100 by default. An epoch has floor(images / globalBatch) steps. May be"
                            + " raised while the job runs: from the next world on, at one step for all trainers, the"
                            + " learning rate follows the longer cosine. It cannot be lowered.")
            @Default("100")
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
                    + " 4096). More steps help if the loss stays at ln K.")
            @Default("313")
            @Min(0)
            Long prototypesFrozenSteps,

            @JsonPropertyDescription("Color jitter and blur of the crops; by default SwAV's.") @Default("{}")
            Augmentation augmentation) {

        public int groups() {
            return globalBatch / groupSize;
        }

        /** Returns the same settings with those that may change while a job runs. */
        Training with(Integer newEpochs, Integer newThreads) {
            return new Training(
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
    }

    /** The schema's values of {@link Training#precision} and {@link Gradients#precision}. */
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
            @JsonPropertyDescription("Learning rate after the warm-up, for globalBatch as it is (no scaling is done):"
                    + " 4.8 by default, the paper's at 4096; 0.6 suits 256.")
            @Default("4.8")
            @Min(0)
            Double learningRate,

            @JsonPropertyDescription("Learning rate at the end of the cosine, 0.0048 by default.")
            @Default("0.0048")
            @Min(0)
            Double finalLearningRate,

            @JsonPropertyDescription("Learning rate at the first step of the warm-up, 0.3 by default.")
            @Default("0.3")
            @Min(0)
            Double warmupStart,

            @JsonPropertyDescription("Length of the warm-up in epochs, 10 by default, fractions allowed; 0 for none.")
            @Default("10")
            @Min(0)
            Double warmupEpochs,

            @JsonPropertyDescription("Momentum of SGD, 0.9 by default.")
            @Default("0.9")
            @Min(0)
            @Max(value = 1, inclusive = false)
            Double momentum,

            @JsonPropertyDescription("L2 penalty, 1e-6 by default, on every parameter.") @Default("0.000001") @Min(0)
            Double weightDecay,

            @JsonPropertyDescription("LARC's trust coefficient, 0.001 by default: the share of a parameter's norm that"
                    + " a step of learning rate 1 moves it by.")
            @Default("0.001")
            @Min(value = 0, inclusive = false)
            Double trustCoefficient,

            @JsonPropertyDescription("Whether LARC only lowers the learning rate; false by default, as in SwAV.")
            @Default("false")
            Boolean larcClip,

            @JsonPropertyDescription("Whether biases and the parameters of batch norm take plain SGD's step, without"
                    + " LARC's rate and without weight decay. Unset: no, as in SwAV.")
            @Nullable
            Boolean excludeBiasAndNorm) {
        /** No is what unset means, also in the digest of a configuration. */
        public Optimizer {
            excludeBiasAndNorm = Boolean.TRUE.equals(excludeBiasAndNorm) ? excludeBiasAndNorm : null;
        }
    }

    /** Which samples share batch statistics. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record BatchNorm(
            @JsonPropertyDescription("Images that share batch statistics: training.groupSize if unset (no"
                    + " communication), or a multiple of it up to the global batch: groups then go through the network"
                    + " layer by layer, and trainers synchronize in each. The paper's runs share 512 images at batch"
                    + " 4096 and all 256 at 256.")
            @Min(1)
            @Max(16_777_216)
            @Nullable
            Integer groupSize) {}

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
            @Default("1.0")
            @Min(0)
            @Max(2)
            Double jitterStrength,

            @JsonPropertyDescription("Probability of color jitter, 0.8 by default.") @Default("0.8") @Min(0) @Max(1)
            Double jitterProbability,

            @JsonPropertyDescription("Probability of grayscale, 0.2 by default.") @Default("0.2") @Min(0) @Max(1)
            Double grayProbability,

            @JsonPropertyDescription("Probability of Gaussian blur, sigma uniform in 0.1 to 2 pixels, 0.5 by default;"
                    + " 0 suits small images.")
            @Default("0.5")
            @Min(0)
            @Max(1)
            Double blurProbability) {}

    /** When and where checkpoints are written. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    @ValidationRule(
            value = "!has(self.uri) || !self.uri.startsWith('file://') || self.uri.startsWith('file:///')",
            message = SpecValidator.CHECKPOINT_URI,
            fieldPath = ".uri")
    public record Checkpoint(
            @JsonPropertyDescription("file:///folder that every trainer can write (a shared volume of the template), or"
                    + " s3://bucket/prefix. Unset: no checkpoints, the state is only in the trainers' memory.")
            @Size(min = 1, max = 4096)
            @Nullable
            String uri,

            @JsonPropertyDescription(
                    "The service of an s3:// uri; unset: AWS, as the pod's environment specifies. Credentials"
                            + " come from the AWS SDK's own chain: environment, web identity, container, instance.")
            @Nullable
            S3 s3,

            @JsonPropertyDescription("Global steps between two checkpoints, 500 by default. Running trainers follow a"
                    + " change of this, everySeconds and keep.")
            @Default("500")
            @Min(1)
            Long everySteps,

            @JsonPropertyDescription(
                    "Seconds between two checkpoints, in addition to everySteps: whichever comes first. Unset:"
                            + " steps alone.")
            @Min(1)
            @Max(1_000_000)
            @Nullable
            Integer everySeconds,

            @JsonPropertyDescription("Number of newest checkpoints kept, 3 by default.")
            @Default("3")
            @Min(1)
            @Max(1_000_000)
            Integer keep) {

        /** Returns the same checkpoints with the settings that may change while a job runs. */
        Checkpoint with(Long newEverySteps, @Nullable Integer newEverySeconds, Integer newKeep) {
            return new Checkpoint(uri, s3, newEverySteps, newEverySeconds, newKeep);
        }
    }

    /** An S3 service. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record S3(
            @JsonPropertyDescription("URL of a service other than AWS, such as http://minio.minio:9000.")
            @Size(min = 1, max = 4096)
            @Nullable
            String endpoint,

            @JsonPropertyDescription("Region; by default AWS_REGION, or us-east-1 with an endpoint.")
            @Size(min = 1, max = 256)
            @Nullable
            String region,

            @JsonPropertyDescription("Whether the bucket is in the path instead of the host name, as MinIO and Ceph"
                    + " mostly need it; by default true with an endpoint.")
            @Nullable
            Boolean pathStyle,

            @JsonPropertyDescription("Profile of the AWS files that the template mounts (AWS_SHARED_CREDENTIALS_FILE,"
                    + " AWS_CONFIG_FILE), if data and checkpoints need different credentials. The files are read again when they"
                    + " change. Unset: the chain's first credentials.")
            @Size(min = 1, max = 256)
            @Nullable
            String profile) {}

    /** How failures are handled. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Recovery(
            @JsonPropertyDescription(
                    "Failures of trainers, which are replaced, within failureWindowSeconds before the job is Failed,"
                            + " 10 by default. Trainers that fail together, in one world and in the same way, are one"
                            + " failure. Preemptions, lost nodes and evictions never count, except for an eviction because of"
                            + " what the pod itself used.")
            @Default("10")
            @Min(0)
            @Max(1_000_000)
            Integer maxFailures,

            @JsonPropertyDescription("Seconds, 86400 (a day) by default, after which a failure no longer counts towards"
                    + " maxFailures, so that harmless failures do not add up over a job of weeks.")
            @Default("86400")
            @Min(1)
            @Max(31_536_000)
            Integer failureWindowSeconds,

            @JsonPropertyDescription("Seconds without a step, 60 by default, after which a trainer for which its peers"
                    + " wait counts as hung and is replaced. Must be longer than any step.")
            @Default("60")
            @Min(1)
            @Max(1_000_000)
            Integer hungAfterSeconds,

            @JsonPropertyDescription("Seconds between a node's notice and the end of its pods, 15 by default; saving a"
                    + " checkpoint should take less (condition CheckpointExceedsNotice). Running trainers follow a"
                    + " change.")
            @Default("15")
            @Min(1)
            @Max(86_400)
            Integer noticeSeconds,

            @JsonPropertyDescription("What happens if checkpoints exist but none can be resumed from, because they are"
                    + " damaged or of another configuration: false (default) stops with a message that names"
                    + " them, true starts from zero.")
            @Default("false")
            Boolean startOver,

            @JsonPropertyDescription("Failures on one node, 2 by default, after which new pods of this job avoid it for"
                    + " avoidNodeSeconds (status.avoidedNodes); 0 for never. Only failures that stayed on that"
                    + " node count: not those of pods that failed together on several nodes or as a whole world,"
                    + " not preemptions, and not pods that used more memory or disk than they may. Pods run on"
                    + " an avoided node only if no other takes them, at the latest after five minutes.")
            @Default("2")
            @Min(0)
            @Max(1000)
            Integer avoidNodeAfterFailures,

            @JsonPropertyDescription("Seconds, 3600 (an hour) by default, for which a node is avoided after the last"
                    + " failure on it, and for which a failure counts.")
            @Default("3600")
            @Min(1)
            @Max(2_592_000)
            Integer avoidNodeSeconds) {
        private static final int A_DAY = 86_400;
        private static final int AVOID_AFTER = 2;
        private static final int AN_HOUR = 3_600;

        public Recovery {
            // absent from a spec that an earlier operator has accepted
            failureWindowSeconds = Objects.requireNonNullElse(failureWindowSeconds, A_DAY);
            avoidNodeAfterFailures = Objects.requireNonNullElse(avoidNodeAfterFailures, AVOID_AFTER);
            avoidNodeSeconds = Objects.requireNonNullElse(avoidNodeSeconds, AN_HOUR);
        }
    }

    /** What a change of the template does to pods that run. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Rollout(
            @JsonPropertyDescription("RollingUpdate (default) replaces running pods one at a time: each leaves with"
                    + " notice and its successor joins, so no step is lost. If the successor cannot train with the"
                    + " others, because its image has another build, all are replaced together from the checkpoint that"
                    + " they save on leaving. OnDelete leaves running pods alone; their successors get the present"
                    + " template. The annotation swav.io/rollout-paused: \"true\" on the job pauses a rollout.")
            @Default("RollingUpdate")
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            RolloutType type) {
        public Rollout {
            type = Objects.requireNonNullElse(type, RolloutType.RollingUpdate);
        }
    }

    /** The types of {@link Rollout}, named as the update strategies of a DaemonSet. */
    public enum RolloutType {
        RollingUpdate,
        OnDelete
    }

    /** How the pods are placed. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    @JsonInclude(JsonInclude.Include.NON_NULL)
    public record Scheduling(
            @JsonPropertyDescription(
                    "PreferSame (default): pods prefer the zone (label topology.kubernetes.io/zone of nodes) in"
                            + " which the job's other pods are, because every step sends gradients between them, and traffic between"
                            + " zones is slower and costs money. It is a preference: if that zone has no room, pods run in another."
                            + " A template with an affinity or topologySpreadConstraints of its own is left as it is."
                            + " Any: no preference.")
            @Default("PreferSame")
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            ZonePolicy zone,

            @JsonPropertyDescription(
                    "Whether elastic.minReplicas pods get nodes together or not at all, so that no job occupies"
                            + " nodes with fewer than it can train with; later pods start one by one. None (default): no. Auto: by"
                            + " the first API that the cluster has of the following, Volcano's if the template names its"
                            + " scheduler. Kubernetes: PodGroup of scheduling.k8s.io, an alpha feature of 1.36. SchedulerPlugins:"
                            + " Coscheduling of kubernetes-sigs/scheduler-plugins. Volcano: Volcano, to whose scheduler pods then"
                            + " go unless the template names another. The operator keeps PodGroup <job>-trainer. If the API is not"
                            + " there, the job is Stalled with reason GangUnavailable. Pods that run keep the group, or none, that"
                            + " they started with, and so do those that join them.")
            @Default("None")
            @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            GangScheduler gang) {
        public Scheduling {
            zone = Objects.requireNonNullElse(zone, ZonePolicy.PreferSame);
            gang = Objects.requireNonNullElse(gang, GangScheduler.None);
        }
    }

    /** Which API makes a scheduler start pods together. */
    public enum GangScheduler {
        None,
        Auto,
        Kubernetes,
        SchedulerPlugins,
        Volcano
    }

    /** Whether the pods of a job prefer the zone of one another. */
    public enum ZonePolicy {
        PreferSame,
        Any
    }
}
