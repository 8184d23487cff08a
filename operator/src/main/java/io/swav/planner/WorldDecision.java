package io.swav.planner;

import io.swav.api.World;

/** What happens to the world, with the sentence that explains it. */
public sealed interface WorldDecision {
    String why();

    /** The world stays. */
    record Keep(String why) implements WorldDecision {}

    /** The next world is published. */
    record Regroup(World next, String why) implements WorldDecision {}

    /** A world cannot form until {@code missing} more pods are Ready; until then the job is paused. */
    record Wait(int missing, String why) implements WorldDecision {}

    /** The job has no world any more: it is Complete or Failed. */
    record JobEnded(PlannerState.End end) implements WorldDecision {
        @Override
        public String why() {
            return end.message();
        }
    }
}
