package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** When and where checkpoints are written. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
        value = "!has(self.uri) || !self.uri.startsWith('file://') || self.uri.startsWith('file:///')",
        message = SpecValidator.CHECKPOINT_URI,
        fieldPath = ".uri")
public record CheckpointSpec(
        @JsonPropertyDescription("file:///folder that every trainer can write (a shared volume of the template), or"
                + " s3://bucket/prefix. Unset: no checkpoints, the state is only in the trainers' memory.")
        @Size(min = 1, max = 4096)
        @Nullable
        String uri,

        @JsonPropertyDescription(
                "The service of an s3:// uri; unset: AWS, as the pod's environment specifies. Credentials"
                        + " come from the AWS SDK's own chain: environment, web identity, container, instance.")
        @Nullable
        S3Spec s3,

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
    CheckpointSpec with(Long newEverySteps, @Nullable Integer newEverySeconds, Integer newKeep) {
        return new CheckpointSpec(uri, s3, newEverySteps, newEverySeconds, newKeep);
    }
}
