package io.swav.api;

import static com.fasterxml.jackson.annotation.JsonFormat.Feature.READ_UNKNOWN_ENUM_VALUES_AS_NULL;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import java.util.Objects;

/** What a change of the template does to pods that run. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record RolloutSpec(
        @JsonPropertyDescription("RollingUpdate (default) replaces running pods one at a time: each leaves with"
                + " notice and its successor joins, so no step is lost. If the successor cannot train with the"
                + " others, because its image has another build, all are replaced together from the checkpoint that"
                + " they save on leaving. OnDelete leaves running pods alone; their successors get the present"
                + " template. The annotation swav.io/rollout-paused: \"true\" on the job pauses a rollout.")
        @Default("RollingUpdate")
        @JsonFormat(with = READ_UNKNOWN_ENUM_VALUES_AS_NULL)
        RolloutType type) {
    public RolloutSpec {
        type = Objects.requireNonNullElse(type, RolloutType.RollingUpdate);
    }

    /** The types of {@link RolloutSpec}, named as the update strategies of a DaemonSet. */
    public enum RolloutType {
        RollingUpdate,
        OnDelete
    }
}
