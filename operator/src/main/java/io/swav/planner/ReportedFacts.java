package io.swav.planner;

import io.swav.api.Fingerprints;
import io.swav.api.TrainerReport.Divergence;
import java.util.Optional;

/**
 * Holds what a pod's trainer has reported beside its signs of life, and where it runs.
 *
 * @param placement where the pod runs
 * @param fingerprints what it trains with; {@link Fingerprints#NONE} if it has not reported that
 * @param diverged the last divergence of states in its world
 * @param followsSettings whether it takes over changed settings from the world document; false for earlier versions
 */
public record ReportedFacts(
        Placement placement, Fingerprints fingerprints, Optional<Divergence> diverged, boolean followsSettings) {
    public static final ReportedFacts NONE = new ReportedFacts("", Fingerprints.NONE, Optional.empty());

    /** Creates the facts of a trainer that does not take over changed settings. */
    public ReportedFacts(String node, Fingerprints fingerprints, Optional<Divergence> diverged) {
        this(Placement.on(node), fingerprints, diverged, false);
    }

    String node() {
        return placement.node();
    }
}
