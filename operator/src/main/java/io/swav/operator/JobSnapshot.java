package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.swav.api.ConditionType;
import io.swav.api.DataLedger;
import io.swav.api.DataSpec;
import io.swav.api.EpochSchedule;
import io.swav.api.ReportRules;
import io.swav.api.ResourceNames;
import io.swav.api.RolloutSpec;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerReport;
import io.swav.api.TrainingSettings;
import io.swav.api.World;
import io.swav.planner.JobPolicy;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerInput;
import io.swav.planner.PodState;
import io.swav.planner.Reporting;
import io.swav.planner.WantedSettings;
import io.swav.planner.WantedTemplate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Everything that one reconciliation uses, read once from the informers.
 *
 * @param accepted the spec to act on: the present one if it is valid, otherwise the last one that was
 * @param problems why the present spec is not acted on; empty if it is
 * @param reports by pod name, of pods that exist
 * @param allReports those, and the last reports of pods that no longer exist
 * @param reporting whether the trainers are able to report
 * @param recheckAt when to reconcile although nothing has changed: not everything that holds a pod is watched
 * @param configured the spec in the trainers' configuration file; empty while there is none
 * @param orphans trainers of an earlier job of the same name
 * @param queue what a queue lets the job run
 */
record JobSnapshot(
        SwavJob job,
        Optional<SwavJobSpec> accepted,
        List<Problem> problems,
        WorldConfigMap worldMap,
        List<ObservedPod> pods,
        Map<String, TrainerReport> reports,
        List<TrainerReport> allReports,
        List<ConfigMap> progressMaps,
        Reporting reporting,
        Optional<Instant> recheckAt,
        Optional<SwavJobSpec> configured,
        Orphans orphans,
        QueueState queue) {
    private static final String PAUSED = "true";

    JobSnapshot(
            SwavJob job,
            Optional<SwavJobSpec> accepted,
            List<Problem> problems,
            WorldConfigMap worldMap,
            List<ObservedPod> pods,
            Map<String, TrainerReport> reports,
            List<TrainerReport> allReports,
            List<ConfigMap> progressMaps,
            Reporting reporting,
            Optional<Instant> recheckAt,
            Optional<SwavJobSpec> configured) {
        this(
                job,
                accepted,
                problems,
                worldMap,
                pods,
                reports,
                allReports,
                progressMaps,
                reporting,
                recheckAt,
                configured,
                Orphans.NONE,
                new QueueState.NotQueued());
    }

    /**
     * Returns the report of the most advanced trainer of the newest world that any trainer has reported: a dead pod may
     * have been further than its successors, which went back to a checkpoint.
     */
    Optional<TrainerReport> latest() {
        return reports.values().stream()
                .filter(report -> report.steps() > 0)
                .max(Comparator.comparingLong(TrainerReport::generation)
                        .thenComparing(TrainerReport::step)
                        .thenComparing(TrainerReport::time));
    }

    /** Returns the epochs with which the job began, which its trainers' configuration file keeps. */
    int firstEpochs(SwavJobSpec spec) {
        EpochSchedule raised = worldMap.state().settings().epochs();
        if (raised != null) {
            return raised.changes().get(0).epochs();
        }
        return configured
                .filter(file -> !plannerInput(Optional.empty()).neverRan())
                .orElse(spec)
                .training()
                .epochs();
    }

    /** Returns the epochs that trainers are known to have agreed on last. */
    int epochsInForce(SwavJobSpec spec) {
        EpochSchedule raised = worldMap.state().settings().epochs();
        return raised == null ? firstEpochs(spec) : raised.epochsAt(Long.MAX_VALUE);
    }

    /**
     * Returns what the accepted spec changes that only pods created from now on have: "data.workers 4 instead of 2". Empty
     * if no pod has been created yet.
     */
    List<String> changesForNextPods() {
        if (configured.isEmpty()
                || accepted.isEmpty()
                || plannerInput(Optional.empty()).neverRan()) {
            return List.of();
        }
        SwavJobSpec before = configured.get();
        SwavJobSpec now = accepted.get();
        List<String> changes = new ArrayList<>();
        if (!now.data().workers().equals(before.data().workers())) {
            changes.add("data.workers " + now.data().workers() + " instead of "
                    + before.data().workers());
        }
        if (!Objects.equals(now.data().cache(), before.data().cache())) {
            changes.add("data.cache " + shown(now.data().cache()) + " instead of "
                    + shown(before.data().cache()));
        }
        if (!now.training().threads().equals(before.training().threads())) {
            changes.add("training.threads " + now.training().threads() + " instead of "
                    + before.training().threads());
        }
        if (now.scheduling().gang() != before.scheduling().gang()) {
            changes.add("scheduling.gang " + now.scheduling().gang() + " instead of "
                    + before.scheduling().gang());
        }
        if (now.scheduling().zone() != before.scheduling().zone()) {
            changes.add("scheduling.zone " + now.scheduling().zone() + " instead of "
                    + before.scheduling().zone());
        }
        return changes;
    }

    private static String shown(DataSpec.@Nullable Cache cache) {
        return cache == null ? "unset" : cache.path() + " of " + cache.size();
    }

    /** Returns what the trainers may leave out of their reports, as it is stored for them. */
    String reportRules() {
        return accepted.map(spec -> spec.withEpochs(firstEpochs(spec)))
                .map(spec -> new ReportRules(TrainingSettings.digest(TrainingSettings.of(spec))).write())
                .orElse(worldMap.entries().reportRules());
    }

    /** Returns the global steps applied, as far as reported. */
    long step() {
        return latest().map(TrainerReport::step).orElse(0L);
    }

    private Optional<TrainerReport.NotFinite> notFinite() {
        return reports.values().stream()
                .flatMap(report -> Optional.ofNullable(report.notFinite()).stream())
                .max(Comparator.comparingLong(TrainerReport.NotFinite::generation)
                        .thenComparing(TrainerReport.NotFinite::number));
    }

    /**
     * Whether a liveness decision would rest on a possibly stale cached report: some pod has ended and is not yet
     * accounted for, or is silent while it is a member (any pod, if no world exists).
     */
    boolean needsLiveReports() {
        World world = worldMap.world();
        return pods.stream()
                .anyMatch(pod -> pod.state() instanceof PodState.Ended
                        ? !worldMap.state().pods().accounted().contains(pod.uid())
                        : !(pod.state() instanceof PodState.Done)
                                && pod.signals().isSilent()
                                && (world.size() == 0 || world.rankOf(pod.uid()).isPresent()));
    }

    /**
     * Returns the planner's view of this snapshot.
     * @param rejection the one in force: no pod is created before its time
     */
    PlannerInput plannerInput(Optional<PodRejection> rejection) {
        return new PlannerInput(
                job.getMetadata().getName(),
                worldMap.world(),
                worldMap.state(),
                pods,
                step(),
                rejection.map(PodRejection::until).orElse(null),
                reporting,
                notFinite().orElse(null),
                configured.map(WantedSettings::of).orElse(null),
                latest().map(TrainerReport::epochs).orElse(null),
                newestSet().orElse(null),
                template(rejection.filter(PodRejection::waits).isPresent()));
    }

    /** Returns the largest set of images that a trainer reports as decided on; empty if the data does not grow. */
    private Optional<DataLedger.Entry> newestSet() {
        return reports.values().stream()
                .map(TrainerReport::data)
                .filter(Objects::nonNull)
                .flatMap(data -> data.newestSet().stream())
                .max(Comparator.comparingLong(DataLedger.Entry::samples));
    }

    /** Returns the present template; an edit that is not acted on replaces no pod. */
    private WantedTemplate template(boolean noRoom) {
        JsonNode template = job.getSpec() == null ? null : job.getSpec().template();
        if (!problems.isEmpty() || template == null) {
            return WantedTemplate.NONE;
        }
        SwavJobSpec spec = job.getSpec();
        boolean saved = Optional.ofNullable(job.getStatus())
                .flatMap(status -> status.condition(ConditionType.CheckpointsSaved))
                .filter(condition -> condition.status().equals("False"))
                .isEmpty();
        String paused = Optional.ofNullable(job.getMetadata().getAnnotations())
                .map(all -> all.get(ResourceNames.ANNOTATION_ROLLOUT_PAUSED))
                .orElse("");
        return new WantedTemplate(
                TrainerPod.revision(template),
                spec.rollout().type() == RolloutSpec.RolloutType.RollingUpdate,
                PAUSED.equals(paused),
                spec.replicas() < spec.maxReplicas() && !queue.isQueued(), // no pod beyond those admitted
                noRoom,
                saved && spec.checkpoint().uri() != null);
    }

    /**
     * Whether it has to be found out if trainers are able to report: one is silent, and none of those that report holds
     * the training state, so that a decision about the silent one could lose it.
     */
    boolean needsReportingCheck() {
        return pods.stream().anyMatch(pod -> pod.isAlive() && pod.signals().isSilent())
                && pods.stream()
                        .noneMatch(pod -> pod.isAlive()
                                && pod.signals().isFresh()
                                && pod.signals().regroup().isPresent());
    }

    JobSnapshot with(Reporting found) {
        return with(found, orphans, queue);
    }

    JobSnapshot with(Orphans found) {
        return with(reporting, found, queue);
    }

    JobSnapshot with(QueueState found) {
        return with(reporting, orphans, found);
    }

    private JobSnapshot with(Reporting newReporting, Orphans newOrphans, QueueState newQueue) {
        return new JobSnapshot(
                job,
                accepted,
                problems,
                worldMap,
                pods,
                reports,
                allReports,
                progressMaps,
                newReporting,
                recheckAt,
                configured,
                newOrphans,
                newQueue);
    }

    /** Returns the limits within which the job runs: those of its spec, and of its queue. */
    Optional<JobPolicy> policy() {
        return accepted.map(JobPolicy::of).map(queue::limit);
    }

    /** Whether the spec and the queue let pods run. */
    boolean mayRun() {
        return accepted.filter(spec -> !spec.suspend()).isPresent() && !(queue instanceof QueueState.Withheld);
    }
}
