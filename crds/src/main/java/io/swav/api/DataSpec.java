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
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.Quantity;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

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
public record DataSpec(
        @JsonPropertyDescription("Training images: a folder of WebDataset tar shards (.tar, .tar.gz, .tar.zst), of"
                + " Parquet files, or of one folder of images per class, as file:///folder (the path is the container's, so mount it with"
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

        @JsonPropertyDescription("Threads per pod that decode and crop images, 2 by default. A change applies to pods"
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

        @JsonPropertyDescription("Where crops are made from decoded images: Host (default), by the workers, or Device,"
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
        S3Spec s3,

        @JsonPropertyDescription(
                "A folder in which what was read of s3:// and https:// data is kept, so that later epochs, and pods"
                        + " that find the folder on their node, do not fetch it again. Unset: none. A change"
                        + " applies to pods created afterwards.")
        @Nullable
        Cache cache,

        @JsonPropertyDescription(
                "true: files that are added at data.uri enter at the beginning of an epoch on which all trainers agree,"
                        + " and that status.progress.data.sets names; every epoch sees each of its images once. Needs"
                        + " checkpoint.uri, and a data.uri that names a folder or a pattern. Files that were trained on must"
                        + " stay as they are. Unset or false: what is added while the job trains is reported in"
                        + " status.progress.data.notUsed and left out. Immutable.")
        @Nullable
        Boolean grow,

        @JsonPropertyDescription(
                "Seconds between two looks of one trainer at the source with grow, at least, 300 by default; a look that takes"
                        + " long makes them rarer. What two looks found alike is taken. A change applies to pods"
                        + " created afterwards.")
        @Min(1)
        @Max(Integer.MAX_VALUE)
        @Nullable
        Integer growCheckSeconds) {
    private static final int GROW_CHECK_SECONDS = 300;

    /** The value of {@link #maxPixels} if it is unset. */
    public static final int MAX_PIXELS = 1 << 26;

    /** An older CRD, or a spec kept by an older operator, lacks these fields, which means their defaults. */
    public DataSpec {
        maxPixels = Objects.requireNonNullElse(maxPixels, MAX_PIXELS);
        augmentOn = Objects.requireNonNullElse(augmentOn, AugmentOn.Host);
        exifOrientation = Objects.requireNonNullElse(exifOrientation, ExifOrientation.Ignore);
    }

    /** Whether files that are added while the job trains are trained on. */
    public boolean grows() {
        return Boolean.TRUE.equals(grow);
    }

    /** Whether there may be more files at {@code uri} later: it does not name them all. */
    public boolean canGrow() {
        return !uri.matches(SpecValidator.NAMED_SHARDS_FORM);
    }

    /** Returns the time between two looks at the source, seconds. */
    public int secondsBetweenLooks() {
        return Objects.requireNonNullElse(growCheckSeconds, GROW_CHECK_SECONDS);
    }

    /** Returns the same data with the settings that may change while a job runs. */
    DataSpec with(
            Integer newWorkers,
            Integer newMaxBadSamples,
            @Nullable Cache newCache,
            @Nullable Integer newGrowCheckSeconds) {
        return new DataSpec(
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
                newCache,
                grow,
                newGrowCheckSeconds);
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

    /** The schema's values of {@link DataSpec#labelExtension}. */
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
}
