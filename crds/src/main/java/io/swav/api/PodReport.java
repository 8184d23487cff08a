package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * What one trainer says of itself: the value of key {@code <pod>} in ConfigMap {@code <job>-progress}, applied
 * server-side with the pod's name as field manager.
 *
 * @param state where the trainer stands
 * @param address host:port at which it listens for peers; null until it listens
 * @param generation of the world it is in, 0 for none
 * @param seenGeneration newest generation it has read
 * @param step global steps applied
 * @param steps global steps in the whole job
 * @param loss of the last applied step, mean over the global batch, nats
 * @param imagesPerSecond global images a second (pictures, not crops), over the last reporting interval
 * @param prototypePerplexity exp of the entropy of the mean code over the global batch, in [1, K]
 * @param message for people: what failed, or what is waited for
 * @param time ISO-8601 instant of this report
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record PodReport(
        String pod,
        String uid,
        State state,
        @Nullable String address,
        long generation,
        long seenGeneration,
        long step,
        long steps,
        int epoch,
        @Nullable Double loss,
        @Nullable Double imagesPerSecond,
        @Nullable Double prototypePerplexity,
        @Nullable Double knnTop1,
        long skippedSamples,
        @Nullable String message,
        String time) {

    /** Starting, then Ready (can enter a world), Training, and one of the two ends. */
    public enum State {
        Starting,
        Ready,
        Training,
        Done,
        Failed
    }
}
