package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.planner.JobPolicy;

/** What Kueue lets a job run, with the sentence that explains it. */
sealed interface QueueState {
    /** The job has no label that names a queue, so that all its pods may run. */
    record NotQueued() implements QueueState {}

    /**
     * No pod may run: the job waits for its admission, or was evicted.
     *
     * @param reason of condition Admitted
     * @param needsAction whether it ends only after a person has acted
     */
    record Withheld(ConditionReason reason, String why, boolean needsAction) implements QueueState {}

    /**
     * Pods may run.
     *
     * @param pods at most, at least 1
     * @param placement what Kueue wants of each pod
     */
    record Admitted(int pods, String why, AdmittedPodSet placement) implements QueueState {}

    /** It cannot be found out what may run: no pod is created, and those that run train on. */
    record Unavailable(PodRejection rejection) implements QueueState {}

    /** Returns the limits within which the job may run. */
    default JobPolicy limit(JobPolicy policy) {
        if (this instanceof Withheld withheld) {
            return policy.withheld(withheld.why());
        }
        return this instanceof Admitted admitted ? policy.within(admitted.pods()) : policy;
    }

    default boolean isQueued() {
        return !(this instanceof NotQueued);
    }
}
