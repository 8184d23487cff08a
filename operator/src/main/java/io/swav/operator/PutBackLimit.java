package io.swav.operator;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Slows down putting an object back that something else changes again and again, such as another controller: three times
 * at once, then after delays that double.
 */
final class PutBackLimit {
    private static final int AT_ONCE = 3;
    private static final Duration FIRST_DELAY = Duration.ofSeconds(1);
    private static final int MAX_DOUBLINGS = 6;
    /** An object that has not changed for so long starts afresh; more than the longest delay. */
    private static final Duration QUIET = Duration.ofMinutes(3);

    private record Streak(int count, Instant last) {}

    private final Map<String, Streak> streaks = new HashMap<>();

    /** Returns when the object may be put back; empty if it may be now. */
    synchronized Optional<Instant> notBefore(String object, Instant now) {
        Streak streak = current(object, now);
        if (streak.count() < AT_ONCE) {
            return Optional.empty();
        }
        int doublings = Math.min(streak.count() - AT_ONCE, MAX_DOUBLINGS);
        Instant allowed = streak.last().plus(FIRST_DELAY.multipliedBy(1L << doublings));
        return now.isBefore(allowed) ? Optional.of(allowed) : Optional.empty();
    }

    /** Counts a time that the object was put back. */
    synchronized void putBack(String object, Instant now) {
        streaks.put(object, new Streak(current(object, now).count() + 1, now));
        streaks.values().removeIf(streak -> isOver(streak, now));
    }

    private Streak current(String object, Instant now) {
        return Optional.ofNullable(streaks.get(object))
                .filter(streak -> !isOver(streak, now))
                .orElse(new Streak(0, now));
    }

    private static boolean isOver(Streak streak, Instant now) {
        return now.isAfter(streak.last().plus(QUIET));
    }
}
