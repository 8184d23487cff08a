package io.swav.plan;

import io.swav.api.World;

/** What is to become of the world, with the sentence that explains it. */
public sealed interface WorldPlan {
    String why();

    /** The world stays. */
    record Keep(String why) implements WorldPlan {}

    /** The next world is published. */
    record Regroup(World next, String why) implements WorldPlan {}

    /** {@code missing} more Ready pods are needed before a world can be formed; until then the job holds. */
    record Wait(int missing, String why) implements WorldPlan {}

    /** No world any more: the job is Complete or Failed. */
    record Ended(Book.End end) implements WorldPlan {
        @Override
        public String why() {
            return end.message();
        }
    }
}
