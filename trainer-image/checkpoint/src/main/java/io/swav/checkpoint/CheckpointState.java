package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * The contents of a checkpoint's state.json. The random streams need no entry: they are functions of seed and step.
 *
 * @param step global steps applied
 * @param samples global samples seen
 * @param configDigest of the configuration that decides the weights; another one's checkpoint is not resumed
 * @param worldSize number of ranks when it was saved; any number of ranks may resume it
 * @param job uid of the SwavJob, empty outside a cluster: generations of two jobs cannot be compared
 * @param generation of the world that wrote it
 * @param time ISO-8601
 * @param request the newest checkpoint request that this checkpoint or an earlier one answers, empty for none
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
        String time,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) String request) {
    public CheckpointState(
            long step,
            long samples,
            long seed,
            @Nullable String configDigest,
            int worldSize,
            @Nullable String job,
            long generation,
            @Nullable String time,
            @Nullable String request) {
        this.step = step;
        this.samples = samples;
        this.seed = seed;
        this.configDigest = configDigest == null ? "" : configDigest;
        this.worldSize = worldSize;
        this.job = job == null ? "" : job;
        this.generation = generation;
        this.time = time == null ? "" : time;
        this.request = request == null ? "" : request;
    }

    public CheckpointState(
            long step,
            long samples,
            long seed,
            String configDigest,
            int worldSize,
            String job,
            long generation,
            String time) {
        this(step, samples, seed, configDigest, worldSize, job, generation, time, "");
    }

    /** Returns the same state, which also answers this request. */
    public CheckpointState answering(String what) {
        return new CheckpointState(step, samples, seed, configDigest, worldSize, job, generation, time, what);
    }
}
