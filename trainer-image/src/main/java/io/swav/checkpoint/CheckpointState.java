package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * state.json of a checkpoint. The random streams need no entry: they are functions of seed and step.
 *
 * @param step global steps applied
 * @param samples global samples seen
 * @param configDigest of the configuration that decides the weights; another one's checkpoint is not resumed
 * @param worldSize ranks when it was taken; says nothing about who may resume it
 * @param job uid of the SwavJob, empty outside a cluster: generations of two jobs cannot be compared
 * @param generation of the world that wrote it
 * @param time ISO-8601
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record CheckpointState(
        long step,
        long samples,
        long seed,
        String configDigest,
        int worldSize,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String job,
        long generation,
        String time) {
    public CheckpointState(
            long step,
            long samples,
            long seed,
            @Nullable String configDigest,
            int worldSize,
            @Nullable String job,
            long generation,
            @Nullable String time) {
        this.step = step;
        this.samples = samples;
        this.seed = seed;
        this.configDigest = configDigest == null ? "" : configDigest;
        this.worldSize = worldSize;
        this.job = job == null ? "" : job;
        this.generation = generation;
        this.time = time == null ? "" : time;
    }
}
