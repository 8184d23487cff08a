package io.swav.operator;

import io.fabric8.kubernetes.api.model.Pod;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The trainers of an earlier job of the same name that still run, because that job was deleted with {@code
 * --cascade=orphan}, or its pods are being collected. They follow the world of their own job, so they cannot be adopted,
 * and they may save to the same place; so no pod is created beside them.
 *
 * @param pods their names
 * @param collected whether all of them are being deleted
 */
record Orphans(List<String> pods, boolean collected) {
    static final Orphans NONE = new Orphans(List.of(), true);

    private static final Set<String> ENDED = Set.of("Succeeded", "Failed");
    private static final int NAMED = 3;

    /**
     * Finds them among the pods that have the job's label. A pod is a trainer if it has the variable that only trainers
     * get; another pod with the label is somebody else's.
     */
    static Orphans of(SwavJob job, Collection<Pod> labeled) {
        String uid = job.getMetadata().getUid();
        List<Pod> left = labeled.stream()
                .filter(pod -> !OwnerMetadata.isOwnedBy(pod, job))
                .filter(pod -> TrainerContainer.jobUid(pod)
                        .filter(theirs -> !theirs.equals(uid))
                        .isPresent())
                .filter(pod -> pod.getStatus() == null
                        || !ENDED.contains(String.valueOf(pod.getStatus().getPhase())))
                .toList();
        return new Orphans(
                left.stream().map(pod -> pod.getMetadata().getName()).sorted().toList(),
                left.stream().allMatch(Orphans::isCollected));
    }

    /** A pod that still has an owner is deleted by the garbage collector, because that job no longer exists. */
    private static boolean isCollected(Pod pod) {
        return pod.getMetadata().getDeletionTimestamp() != null
                || !pod.getMetadata().getOwnerReferences().isEmpty();
    }

    /** Returns why no pod of this job is created; empty if there is none of an earlier one. */
    Optional<PodRejection> rejection(SwavJob job, Instant now) {
        if (pods.isEmpty()) {
            return Optional.empty();
        }
        List<String> named = pods.subList(0, Math.min(NAMED, pods.size()));
        int more = pods.size() - named.size();
        String why = String.join(", ", named) + (more > 0 ? " and " + more + " more" : "")
                + " of an earlier job of this name still "
                + (pods.size() == 1 ? "runs" : "run")
                + ". No pod is created meanwhile, because both would train at the same place. "
                + (collected ? "They are being deleted" : remedy(job, named, more));
        ConditionReason reason = collected ? ConditionReason.Waiting : ConditionReason.OrphanedPods;
        return Optional.of(PodRejection.of(job, reason, why, now));
    }

    private static String remedy(SwavJob job, List<String> named, int more) {
        return "That job was deleted with --cascade=orphan. Delete its pods, which save their state to its"
                + " checkpoint.uri: kubectl delete pods -n " + job.getMetadata().getNamespace() + " "
                + String.join(" ", named)
                + (more > 0 ? " and " + more + " more" : "");
    }
}
