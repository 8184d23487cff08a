package io.swav.collective;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Callers of this process that wait for their world to be formed here, and the fence that keeps those of older worlds
 * out. What it hands back is the caller's to close.
 *
 * @param <C> a connection
 */
public final class PendingConnections<C> {
    /** Who calls, in which generation, for which of its lines. */
    public record ConnectionKey(long generation, int rank, String uid, int line) {}

    private final Map<ConnectionKey, C> parked = new HashMap<>();
    private long oldest;

    /**
     * From now on refuses generations before this one.
     *
     * @return the parked connections of those
     */
    public List<C> rejectBefore(long generation) {
        oldest = Math.max(oldest, generation);
        List<C> stale = new ArrayList<>();
        parked.entrySet().removeIf(entry -> {
            boolean out = refuses(entry.getKey().generation());
            if (out) {
                stale.add(entry.getValue());
            }
            return out;
        });
        return stale;
    }

    public boolean refuses(long generation) {
        return generation < oldest;
    }

    /**
     * Parks a caller; a later call of the same caller replaces the earlier one, which it has given up.
     *
     * @return the connection that is of no use: the earlier one, or this one when a later world has begun meanwhile
     */
    public Optional<C> park(ConnectionKey caller, C connection) {
        return refuses(caller.generation())
                ? Optional.of(connection)
                : Optional.ofNullable(parked.put(caller, connection));
    }

    /** The connection of this very caller, in this very generation. */
    public Optional<C> take(ConnectionKey caller) {
        return Optional.ofNullable(parked.remove(caller));
    }
}
