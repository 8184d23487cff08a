package io.swav.api;

import com.fasterxml.jackson.annotation.JsonEnumDefaultValue;
import com.fasterxml.jackson.annotation.JsonProperty;

/** The events in a trainer's journal ({@link TrainerEnv#JOURNAL}); the files contain the lower-case names. */
public enum JournalEvent {
    /** A world has formed and its state is shared. */
    @JsonProperty("formed")
    FORMED,
    /** A step was begun and not completed. */
    @JsonProperty("dropped")
    DROPPED,
    /** SIGTERM was received. */
    @JsonProperty("notice")
    NOTICE,
    /** The trainer left before the job was done. */
    @JsonProperty("left")
    LEFT,
    /** The state came from a checkpoint. */
    @JsonProperty("resumed")
    RESUMED,
    /** The job is done. */
    @JsonProperty("done")
    DONE,
    /** Replicas of the state differed at the same step, and one of them replaced the others. */
    @JsonProperty("diverged")
    DIVERGED,
    /** The first step of a world has been made; the event says how long each stage of the change took. */
    @JsonProperty("regrouped")
    REGROUPED,
    /** An epoch sees more images than the one before. */
    @JsonProperty("grown")
    GROWN,
    /** An event that was written by a newer trainer than this reader knows; never written. */
    @JsonEnumDefaultValue
    UNKNOWN
}
