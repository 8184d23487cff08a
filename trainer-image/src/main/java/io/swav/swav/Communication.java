package io.swav.swav;

/**
 * What summing a step's gradients over ranks took.
 *
 * @param nanos in which a sum was under way
 * @param exposedNanos of them in which nothing else was: after backward, until the last sum was there
 */
public record Communication(long nanos, long exposedNanos) {}
