package io.swav.conformance;

import io.swav.collective.Collective;

/** Checks one kind of fixture. */
@FunctionalInterface
interface Suite {
    /**
     * Runs on every rank of {@code world}: each rank computes its share, and all of them make every comparison; only
     * the reports of rank 0 count.
     */
    void run(Fixture fixture, Collective world, CaseReport report);
}
