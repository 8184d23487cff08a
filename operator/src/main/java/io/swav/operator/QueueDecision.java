package io.swav.operator;

import io.swav.api.ConditionReason;
import io.swav.planner.PlannerState;
import java.util.Optional;

/**
 * Decides what a queued job may run and what has to be written to its Workload, as a pure function of both. The operator is
 * the job's integration: Kueue sets {@code QuotaReserved}, {@code Admitted} and {@code Evicted}; whatever Kueue's own
 * integrations do for a job, the operator has to do (<a
 * href="https://kueue.sigs.k8s.io/docs/tasks/dev/integrate_a_custom_job/">Kueue: Integrate a custom Job</a>).
 *
 * @param state what may run
 * @param write what to do about the Workload
 */
record QueueDecision(QueueState state, Write write) {
    private static final int WORDS = 400;

    /** What to do about the Workload. */
    sealed interface Write {}

    /** Nothing. */
    record Unchanged() implements Write {}

    /** Create the Workload. */
    record Submit(WorkloadRequest request) implements Write {}

    /** Ask for something else: Kueue lets that happen until it reserves quota. */
    record Ask(WorkloadRequest request) implements Write {}

    /** Give back the quota of pods that are gone and not wanted. */
    record Reclaim(int pods) implements Write {}

    /** Ask for no more than these pods, as Kueue wants its quota back (KEP 975), because no other is left. */
    record Shrink(int pods) implements Write {}

    /** Give back all quota after an eviction, because no pod is left. */
    record Release(String reason, String message) implements Write {}

    /** Record that enough pods are Ready: Kueue may be set up to evict a job whose pods never are. */
    record Started() implements Write {}

    /** Declare it finished, because the job has ended. */
    record Finish(boolean complete, String message) implements Write {}

    /** Delete it, and with it its place in the queue and its quota. */
    record Delete() implements Write {}

    static final Write UNCHANGED = new Unchanged();

    /**
     * What is known of the job.
     *
     * @param request empty if no pod can be made of its spec
     * @param left pods that have not ended
     * @param ready pods that are Ready
     * @param end of the job
     */
    record Job(
            Optional<WorkloadRequest> request,
            boolean suspended,
            int left,
            int ready,
            Optional<PlannerState.End> end) {}

    /** Decides about a job with a queue's label. */
    static QueueDecision decide(Job job, Optional<KueueWorkload> found) {
        if (job.end().isPresent()) {
            return ended(job, job.end().get(), found);
        }
        if (job.suspended()) {
            String why = job.left() == 0
                    ? "The job is suspended: it holds no quota, and is queued again when it is resumed"
                    : "The job is suspended. Its quota comes free when its pods are gone";
            return withheld(
                    ConditionReason.Suspended, why, found.isPresent() && job.left() == 0 ? new Delete() : UNCHANGED);
        }
        if (job.request().isEmpty()) { // the spec cannot be used, which the status says
            return found.filter(workload -> workload.isTrue(KueueWorkload.ADMITTED))
                    .map(workload -> new QueueDecision(admitted(workload, workload.admittedPods()), UNCHANGED))
                    .orElseGet(() -> withheld(ConditionReason.Queued, "The spec cannot be queued", UNCHANGED));
        }
        WorkloadRequest request = job.request().get();
        return found.map(workload -> decide(job, request, workload)).orElseGet(() -> absent(job, request));
    }

    private static QueueDecision absent(Job job, WorkloadRequest request) {
        return job.left() > 0
                ? withheld(
                        ConditionReason.Queued,
                        "Pods run that Kueue has not admitted. They save and leave; then the job is queued in LocalQueue "
                                + request.queue(),
                        UNCHANGED)
                : withheld(ConditionReason.Queued, queued(request) + "the Workload is created", new Submit(request));
    }

    private static QueueDecision ended(Job job, PlannerState.End end, Optional<KueueWorkload> found) {
        boolean over = job.left() == 0
                && found.filter(workload -> !workload.isTrue(KueueWorkload.FINISHED))
                        .isPresent();
        String why = job.left() == 0 ? "The job has ended and holds no quota" : "The job has ended. Its pods leave";
        return withheld(
                end.complete() ? ConditionReason.Complete : ConditionReason.Failed,
                why,
                over ? new Finish(end.complete(), end.message()) : UNCHANGED);
    }

    private static QueueDecision decide(Job job, WorkloadRequest request, KueueWorkload workload) {
        if (workload.isDeleting()) {
            return withheld(
                    ConditionReason.Queued,
                    "The Workload is being deleted. Pods leave; then it is created again",
                    UNCHANGED);
        }
        if (workload.isTrue(KueueWorkload.FINISHED)) {
            return new QueueDecision(
                    new QueueState.Withheld(
                            ConditionReason.QueueUnavailable,
                            "Something other than the operator declared the Workload finished, although the job has not"
                                    + " ended: no pod runs. Delete the Workload, and the job is queued again. It says: "
                                    + words(workload.message(KueueWorkload.FINISHED)),
                            true),
                    UNCHANGED);
        }
        boolean reserved = workload.isTrue(KueueWorkload.QUOTA_RESERVED);
        if (reserved ? workload.isTrue(KueueWorkload.EVICTED) : workload.isDeactivated()) {
            return evicted(job, workload, reserved);
        }
        if (!reserved) {
            return withheld(
                    ConditionReason.Queued,
                    queued(request) + waiting(workload),
                    request.isAskedBy(workload) ? UNCHANGED : new Ask(request));
        }
        if (!request.isCoveredBy(workload)) {
            return withheld(
                    ConditionReason.Queued,
                    "The job asks for another queue or other resources than Kueue has reserved. Pods save and leave; then"
                            + " it is queued anew in LocalQueue " + request.queue(),
                    job.left() == 0 ? new Delete() : UNCHANGED);
        }
        return workload.isTrue(KueueWorkload.ADMITTED)
                ? running(job, request, workload)
                : withheld(
                        ConditionReason.Queued,
                        queued(request) + "Quota is reserved, admission checks are not complete: "
                                + words(checks(workload)),
                        UNCHANGED);
    }

    private static QueueDecision evicted(Job job, KueueWorkload workload, boolean reserved) {
        String why = workload.isTrue(KueueWorkload.EVICTED)
                ? "Kueue evicted the job (" + workload.reason(KueueWorkload.EVICTED) + "): "
                        + words(workload.message(KueueWorkload.EVICTED))
                : "";
        String next =
                job.left() > 0 ? "Pods save and leave, which frees the quota" : "It resumes when it is admitted again";
        String stopped = workload.isDeactivated()
                ? "Its Workload is stopped: set its spec.active to true to queue it again (kubectl kueue resume workload)"
                : next;
        return withheld(
                ConditionReason.Evicted,
                HumanFormat.sentences(why, stopped),
                reserved && job.left() == 0
                        ? new Release(workload.reason(KueueWorkload.EVICTED), workload.message(KueueWorkload.EVICTED))
                        : UNCHANGED);
    }

    private static QueueDecision running(Job job, WorkloadRequest request, KueueWorkload workload) {
        int holds = Math.max(1, workload.admittedPods());
        QueueState state = admitted(workload, request.pods());
        int kept = Math.min(request.pods(), kept(workload));
        if (kept(workload) < holds && job.left() <= kept) {
            boolean first = workload.reclaimable() == 0; // what was given back before would count twice
            return new QueueDecision(state, first ? new Shrink(kept) : new Reclaim(workload.count() - kept));
        }
        if (request.pods() < holds && job.left() <= request.pods()) {
            return new QueueDecision(state, new Reclaim(workload.count() - request.pods()));
        }
        boolean started = job.ready() >= Math.min(request.min(), kept);
        return new QueueDecision(
                state, started && !workload.isTrue(KueueWorkload.PODS_READY) ? new Started() : UNCHANGED);
    }

    /** The number of pods that may run: fewer than hold quota while Kueue takes some back. */
    private static int kept(KueueWorkload workload) {
        int holds = Math.max(1, workload.admittedPods());
        return Math.max(1, Math.min(holds, workload.reclaimTarget().orElse(holds)));
    }

    private static QueueState admitted(KueueWorkload workload, int wanted) {
        int holds = Math.max(1, workload.admittedPods());
        int kept = kept(workload);
        String all = "ClusterQueue " + workload.clusterQueue() + " admitted " + pods(holds) + " from LocalQueue "
                + workload.queue();
        String reclaimed = kept < holds
                ? "Kueue takes quota back for other jobs: " + pods(kept) + " may run on, the others save and leave"
                : "";
        String fewer = kept < wanted && kept == holds
                ? "The job wants " + wanted
                        + " and keeps to what was admitted; to ask for all, suspend and resume it: it"
                        + " saves, is queued anew and resumes"
                : "";
        String topology = workload.hasTopology()
                ? "Kueue also assigned places in a topology, which are not used: pods run on any node of the flavor"
                : "";
        return new QueueState.Admitted(
                kept,
                HumanFormat.sentences(HumanFormat.sentences(all, reclaimed + fewer), topology),
                workload.placement());
    }

    private static String pods(int count) {
        return count == 1 ? "1 pod" : count + " pods";
    }

    private static String queued(WorkloadRequest request) {
        return "Queued in LocalQueue " + request.queue() + ": ";
    }

    private static String waiting(KueueWorkload workload) {
        String words = words(workload.message(KueueWorkload.QUOTA_RESERVED));
        return words.isEmpty() ? "Kueue has not answered yet" : words;
    }

    private static String checks(KueueWorkload workload) {
        String pending = workload.pendingChecks();
        return pending.isEmpty() ? workload.message(KueueWorkload.ADMITTED) : pending;
    }

    /** Kueue's messages name every flavor that was tried, up to 32 kB. */
    private static String words(String message) {
        return message.length() <= WORDS ? message : message.substring(0, WORDS) + "…";
    }

    private static QueueDecision withheld(ConditionReason reason, String why, Write write) {
        return new QueueDecision(new QueueState.Withheld(reason, why, false), write);
    }
}
