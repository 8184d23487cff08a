package io.swav.planner;

import java.time.Instant;

/**
 * One pod of the job as it was observed.
 *
 * @param lingers whether it still runs although its trainer has ended, and nobody has deleted it: a sidecar does not end by
 *     itself
 */
public record ObservedPod(
        String name, String uid, Instant created, PodState state, LivenessSignals signals, boolean lingers) {

    public ObservedPod(String name, String uid, Instant created, PodState state, LivenessSignals signals) {
        this(name, uid, created, state, signals, false);
    }

    /** Whether its object says that it is alive, whatever its trainer does. */
    public boolean isAlive() {
        return state.isAlive();
    }
}
