package io.swav.planner;

import io.swav.api.Fingerprints;
import io.swav.api.TrainerReport.Divergence;
import java.util.Optional;

/**
 * Holds what a pod's trainer has reported beside its signs of life, and where it runs.
 *
 * @param node empty if the pod has none
 * @param fingerprints what it trains with; {@link Fingerprints#NONE} if it has not reported that
 * @param diverged the last divergence of states in its world
 */
public record ReportedFacts(String node, Fingerprints fingerprints, Optional<Divergence> diverged) {
    public static final ReportedFacts NONE = new ReportedFacts("", Fingerprints.NONE, Optional.empty());
}
