package io.swav.multiprocess;

/**
 * A failed run of a world of processes.
 *
 * @param rank the rank that failed first; the others often fail only because they lost it
 * @param what what happened to it, in words
 */
public record RankFailure(int rank, String what) {}
