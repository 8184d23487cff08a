package io.swav.collective;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Connections from peers that wait for their world to be formed here, and the lowest generation that is still accepted.
 * The connections that its methods return are the calling code's to close.
 *
 * @param <C> a connection
 */
public final class PendingConnections<C> {
    /**
     * Identifies a connection.
     *
     * @param rank rank of the caller
     * @param uid uid of the caller
     * @param line index of the connection among those between the two ranks
     */
    public record ConnectionKey(long generation, int rank, String uid, int line) {}

    private final Map<ConnectionKey, C> parked = new HashMap<>();
    private long oldest;

    /**
     * Refuses generations before this one from now on.
     *
     * @return the parked connections of such generations
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
     * Parks a caller's connection. A later connection of the same caller replaces the earlier one, which the caller has
     * abandoned.
     *
     * @return the connection that is no longer needed: the earlier one, or this one if a later world has begun meanwhile
     */
    public Optional<C> park(ConnectionKey caller, C connection) {
        return refuses(caller.generation())
                ? Optional.of(connection)
                : Optional.ofNullable(parked.put(caller, connection));
    }

    /** Returns and removes the connection with exactly this key. */
    public Optional<C> take(ConnectionKey caller) {
        return Optional.ofNullable(parked.remove(caller));
    }
}
