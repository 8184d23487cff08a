package io.swav.local;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Prevents starting containers from slowing down those that work. On a cluster they would be on machines of their own;
 * here they share one machine's cores, and a starting JVM takes all it can get. Once a container is Ready, others start
 * one after the other: each when the one before is Ready, has ended, or has had {@link #PATIENCE}, and not before the
 * working containers have adjusted to its arrival or departure, {@link #SETTLE}, which is about the time that a kubelet
 * needs for a sandbox. While no container is Ready, all start together, because none is slowed down.
 */
final class StartupLimiter {
    static final Duration PATIENCE = Duration.ofSeconds(20);
    static final Duration SETTLE = Duration.ofMillis(700);

    private final Map<String, Instant> starting = new HashMap<>();
    private final Set<String> ready = new HashSet<>();
    private Instant settled = Instant.MIN;

    /** Whether {@code container} may start now. */
    synchronized boolean enter(String container, Instant now) {
        starting.values().removeIf(until -> !until.isAfter(now));
        boolean room = ready.isEmpty() || (starting.isEmpty() && !settled.isAfter(now));
        if (room) {
            starting.put(container, now.plus(PATIENCE));
        }
        return room;
    }

    synchronized void ready(String container, Instant now) {
        starting.remove(container);
        if (ready.add(container)) {
            settled = now.plus(SETTLE);
        }
    }

    /** The container has ended or is no longer managed. */
    synchronized void leave(String container, Instant now) {
        starting.remove(container);
        if (ready.remove(container)) {
            settled = now.plus(SETTLE);
        }
    }
}
