package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** How far the size of the world may differ from {@code replicas}. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ElasticSpec(
        @JsonPropertyDescription("Minimum of trainers for training, 1 by default. With fewer the job pauses:"
                + " survivors keep the state in memory and wait.")
        @Default("1")
        @Min(1)
        @Max(10_000)
        Integer minReplicas,

        @JsonPropertyDescription("Maximum of trainers, at most training.globalBatch / training.groupSize, which is also"
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

        @JsonPropertyDescription("Seconds for which the world stays unchanged before it grows again, 30 by default, so"
                + " that newcomers that arrive one after another cost one change. Shrinking and"
                + " replacing never wait.")
        @Default("30")
        @Min(0)
        @Max(86_400)
        Integer growAfterSeconds) {}
