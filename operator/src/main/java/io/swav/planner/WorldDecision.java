package io.swav.planner;

import io.swav.api.World;

/** What is to become of the world, with the sentence that explains it. */
public sealed interface WorldDecision {
    String why();

    /** The world stays. */
    record Keep(String why) implements WorldDecision {}

    /** The next world is published. */
    record Regroup(World next, String why) implements WorldDecision {}

    /** {@code missing} more Ready pods are needed before a world can be formed; until then the job holds. */
    record Wait(int missing, String why) implements WorldDecision {}

    /** No world any more: the job is Complete or Failed. */
    record Ended(PlannerState.End end) implements WorldDecision {
        @Override
        public String why() {
            return end.message();
        }
    }
}
