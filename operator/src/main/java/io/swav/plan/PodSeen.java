package io.swav.plan;

import java.time.Instant;

/** One pod of the job as it was observed. */
public record PodSeen(String name, String uid, Instant created, Standing standing, Signs signs) {

    /** Whether its object says that it is alive, whatever its trainer does. */
    public boolean isAlive() {
        return standing.isAlive();
    }
}
