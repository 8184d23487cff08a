package io.swav.local;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Keeps containers that start from slowing those that work: the nodes played here share one machine's cores, and a
 * starting JVM takes all it can get. Once a container is Ready, others start one after the other, each when the one
 * before is Ready, has ended, or has had {@link #PATIENCE}. Before that they start together: nobody is slowed.
 */
final class StartGate {
    static final Duration PATIENCE = Duration.ofSeconds(20);

    private final Map<String, Instant> starting = new HashMap<>();
    private final Set<String> ready = new HashSet<>();

    /** Whether {@code container} may start now. It may when it has asked before and not left since. */
    synchronized boolean enter(String container, Instant now) {
        starting.values().removeIf(until -> !until.isAfter(now));
        boolean room = ready.isEmpty() || starting.isEmpty() || starting.containsKey(container);
        if (room) {
            starting.put(container, now.plus(PATIENCE));
        }
        return room;
    }

    synchronized void ready(String container) {
        starting.remove(container);
        ready.add(container);
    }

    /** It has ended, or nobody watches over it any more. */
    synchronized void leave(String container) {
        starting.remove(container);
        ready.remove(container);
    }
}
