package io.swav.planner;

import java.time.Duration;

/**
 * The limits that the spec sets for keeping pods off nodes on which pods failed.
 *
 * @param afterFailures failures on one node after which it is avoided; 0 for never
 * @param time how long after the last of them
 */
public record NodeAvoidance(int afterFailures, Duration time) {
    public static final NodeAvoidance DEFAULT = new NodeAvoidance(2, Duration.ofHours(1));

    public NodeAvoidance {
        if (afterFailures < 0 || time.isNegative()) {
            throw new IllegalArgumentException("node avoidance: after " + afterFailures + " failures for " + time);
        }
    }
}
