package io.swav.checkpoint;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;

/**
 * state.json of a checkpoint. The random streams need no entry: they are functions of seed and step.
 *
 * @param step global steps applied
 * @param samples global samples seen
 * @param configDigest of the configuration that decides the weights; another one's checkpoint is refused
 * @param worldSize ranks when it was taken; says nothing about who may resume it
 * @param generation of the world that wrote it
 * @param time ISO-8601
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record CheckpointState(
        long step, long samples, long seed, String configDigest, int worldSize, long generation, String time) {}
