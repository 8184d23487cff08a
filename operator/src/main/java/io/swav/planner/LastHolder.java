package io.swav.planner;

import io.swav.api.ReachReport;
import io.swav.planner.PodState.Ended;
import io.swav.planner.PodState.Terminating;
import java.time.Duration;

/**
 * Protects the last trainer that may hold the training state from being removed for its silence. A trainer that has lost
 * only the API server is silent, too, and trains on; with it the steps since the last checkpoint would be lost.
 */
final class LastHolder {
    /**
     * After this many times {@code hungAfter} a call that reaches the trainer protects it no longer: its port may be
     * answered while its training and its reports hang.
     */
    private static final int REACHED_FACTOR = 10;

    private final PlannerInput input;
    private final Duration hungAfter;

    LastHolder(PlannerInput input, Duration hungAfter) {
        this.input = input;
        this.hungAfter = hungAfter;
    }

    /**
     * Whether a silent trainer may only be unable to report, and has to be left alone: no other trainer that reports holds
     * the state, and either it has not been found that it could report, or another trainer's call reaches it.
     */
    boolean mayOnlyBeCutOff(ObservedPod silent) {
        if (input.pods().stream().anyMatch(pod -> holdsStateToo(pod, silent))) {
            return false;
        }
        if (!(input.reporting() instanceof Reporting.Possible)) {
            return true;
        }
        boolean trusted = !silent.signals().silentFor(hungAfter.multipliedBy(REACHED_FACTOR));
        return silent.signals().holdsState() && trusted && isReached(silent);
    }

    private static boolean holdsStateToo(ObservedPod pod, ObservedPod silent) {
        return !pod.uid().equals(silent.uid())
                && !(pod.state() instanceof Ended)
                && !(pod.state() instanceof Terminating)
                && pod.signals().isFresh()
                && pod.signals().holdsState();
    }

    /** Whether another trainer has called all members of the world, and has reached this one. */
    private boolean isReached(ObservedPod silent) {
        return input.world().generation() > 0
                && input.pods().stream()
                        .filter(pod -> pod.isAlive() && pod.signals().isFresh())
                        .filter(pod -> !pod.uid().equals(silent.uid()))
                        .flatMap(pod -> pod.signals().reach().stream())
                        .anyMatch(reach -> reach.generation() == input.world().generation() && !names(reach, silent));
    }

    private static boolean names(ReachReport reach, ObservedPod pod) {
        return reach.failures().stream().anyMatch(failure -> failure.uid().equals(pod.uid()));
    }
}
