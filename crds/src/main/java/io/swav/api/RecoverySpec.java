package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import java.util.Objects;

/** How failures are handled. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record RecoverySpec(
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

    public RecoverySpec {
        // absent from a spec that an earlier operator has accepted
        failureWindowSeconds = Objects.requireNonNullElse(failureWindowSeconds, A_DAY);
        avoidNodeAfterFailures = Objects.requireNonNullElse(avoidNodeAfterFailures, AVOID_AFTER);
        avoidNodeSeconds = Objects.requireNonNullElse(avoidNodeSeconds, AN_HOUR);
    }
}
