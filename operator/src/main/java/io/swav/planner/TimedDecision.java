package io.swav.planner;

import java.time.Instant;
import java.util.List;

/**
 * A decision about the world.
 * @param replanTimes when it may have to be another one although nothing has changed
 */
record TimedDecision(WorldDecision world, List<Instant> replanTimes) {

    TimedDecision {
        replanTimes = List.copyOf(replanTimes);
    }
}
