package io.swav.conformance;

/**
 * The end of a world of processes that was not orderly.
 *
 * @param rank the rank that failed first: the others often fail only because they lost it
 * @param what what happened to it, for people
 */
public record RankFailure(int rank, String what) {}
