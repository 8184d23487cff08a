package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;

/** Sinkhorn's settings, paper section 3.1 and its appendix. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AssignmentSpec(
        @JsonPropertyDescription("QueueFree (default): Sinkhorn sees the full global batch of the step and nothing"
                + " else, which works for small batches too. Queue: the paper's queue of earlier features;"
                + " not available yet, such a job is Failed with reason NotAvailable.")
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
        Double temperature) {
    /** Which features Sinkhorn sees beside those of the step: none, or a queue of earlier ones. */
    public enum Mode {
        QueueFree,
        Queue
    }
}
