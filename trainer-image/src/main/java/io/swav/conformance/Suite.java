package io.swav.conformance;

import io.swav.collective.Collective;

/** How one kind of fixture is checked. */
@FunctionalInterface
interface Suite {
    /**
     * Runs on every rank of {@code world} alike, each computing its share and all of them every comparison; rank 0's
     * reports count.
     */
    void run(Fixture fixture, Collective world, CaseReport report);
}
