package io.swav.operator;

import io.swav.api.SwavJob;
import io.swav.planner.ObservedPod;
import io.swav.planner.PodState;
import java.util.List;
import java.util.Set;

/** Judges the deletion of a job that finalizers delay. */
final class JobDeletion {
    private static final String ORPHAN = "orphan";
    /** Kubernetes' own finalizers: its garbage collector removes them when it has orphaned or deleted the dependents. */
    private static final Set<String> OF_COLLECTOR = Set.of(ORPHAN, "foregroundDeletion");

    private JobDeletion() {}

    /**
     * Whether a finalizer of somebody else keeps the job, and its pods are to end. With {@code --cascade=orphan} they are
     * to live.
     */
    static boolean isKept(SwavJob job) {
        return !foreign(job).isEmpty() && !job.getMetadata().getFinalizers().contains(ORPHAN);
    }

    private static List<String> foreign(SwavJob job) {
        return job.getMetadata().getFinalizers().stream()
                .filter(finalizer -> !OF_COLLECTOR.contains(finalizer))
                .toList();
    }

    /** Whether the pod still exists and has not ended. */
    static boolean isLeft(ObservedPod pod) {
        return !(pod.state() instanceof PodState.Ended) && !(pod.state() instanceof PodState.Done);
    }

    /** @param alive pods that have not ended */
    static String message(SwavJob job, int alive) {
        String pods = alive == 0 ? "No pod of it runs" : alive + (alive == 1 ? " pod ends" : " pods end");
        return "The job is being deleted, and finalizer " + String.join(", ", foreign(job)) + " keeps it. " + pods
                + ", and none is created. It is gone when the owner of the finalizer removes it";
    }
}
