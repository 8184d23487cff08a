package io.swav.operator;

import java.time.Duration;
import java.time.Instant;

/**
 * Spreads work that every job needs now and then, so that its cost does not grow with the number of jobs: all of them
 * together get one turn in an interval, and each waits the longer the more they are.
 */
final class Pace {
    private final Duration between;
    private Instant next = Instant.MIN;

    /** @param between two turns */
    Pace(Duration between) {
        this.between = between;
    }

    /** Returns the first free turn that is not before this time, and takes it. */
    synchronized Instant turn(Instant notBefore) {
        Instant turn = next.isAfter(notBefore) ? next : notBefore;
        next = turn.plus(between);
        return turn;
    }
}
