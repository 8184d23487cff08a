package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.kubernetes.api.model.Condition;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the operator saw last; it writes nothing else of the object. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record SwavJobStatus(
        @Nullable Long observedGeneration,
        @Nullable String phase,
        @Nullable Integer replicas,
        @Nullable Integer readyReplicas,
        @Nullable String selector,
        @Nullable WorldStatus world,
        @Nullable Progress progress,
        @Nullable List<CheckpointEntry> checkpoints,
        @Nullable Ledger ledger,
        @Nullable List<Condition> conditions) {

    public record WorldStatus(
            Long generation,
            Integer size,
            List<String> members,
            @Nullable String since) {}

    public record Progress(
            @Nullable Long step,
            @Nullable Long steps,
            @Nullable Integer epoch,
            @Nullable Double loss,
            @Nullable Double imagesPerSecond,
            @Nullable Double prototypePerplexity,
            @Nullable Double knnTop1,
            @Nullable Long etaSeconds,
            @Nullable Long skippedSamples) {}

    public record CheckpointEntry(
            Long step, Long samples, Integer worldSize, String uri, String digest, Boolean verified, String time) {}

    public record Ledger(
            @Nullable Double goodput,
            @Nullable Long stepsLost,
            @Nullable Long preemptions,
            @Nullable Long failures,
            @Nullable Long resizes,
            @Nullable Map<String, Double> secondsLostByCause,
            @Nullable List<Incident> incidents) {}

    public record Incident(
            String time,
            String kind,
            String pod,
            String reason,
            @Nullable Long step,
            @Nullable Double seconds) {}
}
