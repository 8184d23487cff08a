package io.swav.operator;

import io.fabric8.kubernetes.client.KubernetesClient;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.AvoidedNode;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.api.SwavJobStatus.JobCondition;
import io.swav.api.SwavJobStatus.Progress;
import io.swav.api.World;
import io.swav.operator.PlanExecutor.ExecutionResult;
import io.swav.planner.Names;
import io.swav.planner.ObservedPod;
import io.swav.planner.PlannerState;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.RolloutReport;
import io.swav.planner.WorldDecision;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records in Events, shown by {@code kubectl describe swj}, what was done and why, and what came of it. What an operator
 * had published when it ended, and may not have recorded, its successor records ({@link #recall}).
 */
final class JobEvents {
    private static final Logger LOG = LoggerFactory.getLogger(JobEvents.class);
    /** Conditions that are recorded when they become true. */
    private static final List<ConditionType> RECORDED = List.of(
            ConditionType.Complete,
            ConditionType.Failed,
            ConditionType.Stalled,
            ConditionType.Suspended,
            ConditionType.Admitted,
            ConditionType.CheckpointExceedsNotice,
            ConditionType.WeightsNotKept);

    private static final Set<String> AS_WANTED =
            Set.of(ConditionType.Complete.name(), ConditionType.Suspended.name(), ConditionType.Admitted.name());

    /** An operator is replaced within this time, so that its successor records nothing that is older. */
    private static final Duration RECALLED = Duration.ofMinutes(5);

    private final EventWriter writer;
    /** By uid of the job, the status whose conditions were recorded but could not be stored yet. */
    private final Map<String, SwavJobStatus> recorded = new ConcurrentHashMap<>();
    /** Uids of the jobs for which this process has recorded what an earlier one may have left out. */
    private final Set<String> recalled = ConcurrentHashMap.newKeySet();

    JobEvents(KubernetesClient client) {
        this.writer = new EventWriter(client);
    }

    /** Records what was published, which no later plan contains, and what became of the plan's pods. */
    void recordPlan(SwavJob job, ReconcilePlan plan, ExecutionResult result, Instant now) {
        writer.retry(job);
        if (!result.published()) {
            return;
        }
        plan.newIncidents().forEach(incident -> record(job, incident, now));
        for (String sentence : plan.resumeMessages()) {
            String about = plan.state().account().settled() + sentence;
            writer.write(job, false, "TrainingResumed", sentence, about, now);
        }
        for (AvoidedNode node : plan.nodes().begun()) {
            String message = "node " + node.node() + ": " + node.reason() + ". New pods of this job avoid it until "
                    + node.until() + ": they run there only if no other node takes them. Other jobs still use it;"
                    + " cordon it if it is faulty";
            writer.write(job, true, "NodeAvoided", message, node.node() + " " + node.until(), now);
        }
        if (plan.world() instanceof WorldDecision.Regroup regroup) {
            record(job, regroup.next(), now);
        }
        recordRollout(job, plan.rollout(), now);
        for (ObservedPod pod : result.done().forced()) {
            String message = pod.name()
                    + " (deleted without a grace period: the pod or its node does not respond, or the pod"
                    + " computes wrong)";
            writer.write(job, true, "PodKilled", message, pod.uid(), now);
        }
        recordPods(job, plan, result, now);
    }

    private void recordPods(SwavJob job, ReconcilePlan plan, ExecutionResult result, Instant now) {
        if (!result.done().created().isEmpty()) {
            String created = Names.of(result.done().created());
            writer.write(job, false, "PodsCreated", created + " (" + plan.createWhy() + ")", created, now);
        }
        Map<String, List<String>> deleted = result.done().deleted().stream()
                .filter(pod -> !plan.deleteWhy().getOrDefault(pod, "").isEmpty())
                .collect(Collectors.groupingBy(
                        pod -> plan.deleteWhy().getOrDefault(pod, ""),
                        LinkedHashMap::new,
                        Collectors.mapping(ObservedPod::name, Collectors.toList())));
        deleted.forEach((why, pods) -> {
            String message = Names.of(pods) + " (" + why + ")";
            writer.write(job, false, "PodsDeleted", message, message, now);
        });
    }

    private void recordRollout(SwavJob job, RolloutReport rollout, Instant now) {
        if (rollout.event() != RolloutReport.Event.NONE) {
            boolean started = rollout.event() == RolloutReport.Event.STARTED;
            writer.write(
                    job,
                    false,
                    started ? "RolloutStarted" : "RolloutFinished",
                    started
                            ? "spec.template has changed: " + rollout.sentence()
                            : "All pods run the present spec.template",
                    String.valueOf(job.getMetadata().getGeneration()),
                    now);
        }
    }

    private void record(SwavJob job, Incident incident, Instant now) {
        boolean warning = incident.kind() != IncidentKind.Preemption;
        String first = incident.pod().split(",", 2)[0]; // more may join it
        String message = incident.pod() + ": " + incident.reason();
        writer.write(job, warning, reason(incident.kind()), message, incident.time() + first, now);
    }

    private void record(SwavJob job, World world, Instant now) {
        int size = world.size();
        String message = "World generation " + world.generation() + " with " + size
                + (size == 1 ? " trainer: " : " trainers: ") + world.why();
        writer.write(job, false, "WorldPublished", message, Long.toString(world.generation()), now);
    }

    /**
     * Records once a process what is stored and young: an operator that ended after it had stored it may not have come to
     * record it. Nothing is written for a job that has not changed for a while.
     */
    void recall(SwavJob job, World world, PlannerState state, Instant now) {
        if (!recalled.add(job.getMetadata().getUid())) {
            return;
        }
        Instant since = now.minus(RECALLED);
        state.account().incidents().stream()
                .filter(incident ->
                        incident.kind() != IncidentKind.Resize && incident.kind() != IncidentKind.Suspension)
                .filter(incident -> !Instant.parse(incident.time()).isBefore(since))
                .forEach(incident -> record(job, incident, now));
        Instant published = state.progress().since();
        if (published != null && !published.isBefore(since) && world.generation() > 0) {
            record(job, world, now);
        }
        SwavJobStatus status = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        RECORDED.stream()
                .filter(type -> isRecorded(status, type))
                .flatMap(type -> status.condition(type).stream())
                .filter(condition -> condition.lastTransitionTime() != null
                        && !Instant.parse(condition.lastTransitionTime()).isBefore(since))
                .forEach(condition -> record(job, condition, now));
    }

    /** Records that an object of the job was put back, which somebody had deleted or changed. */
    void recordRestored(SwavJob job, String message, Instant now) {
        LOG.warn("{}", message);
        writer.write(job, true, "ObjectRestored", message, now + " " + message, now);
    }

    private static String reason(IncidentKind kind) {
        return switch (kind) {
            case Preemption -> "PodPreempted";
            case Hang -> "PodHung";
            case Unreachable -> "PodUnreachable";
            case NotFinite -> "StepNotFinite";
            case Diverged -> "TrainerDiverged";
            default -> "PodFailed";
        };
    }

    /**
     * Records ends and obstacles, which the status shows, when their condition becomes true. The status may not be stored
     * yet, and storing it may fail: {@link #statusStored} tells.
     */
    void recordConditions(SwavJob job, SwavJobStatus now, Instant at) {
        SwavJobStatus stored = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        SwavJobStatus before = Optional.ofNullable(
                        recorded.put(job.getMetadata().getUid(), now))
                .orElse(stored);
        for (ConditionType type : RECORDED) {
            if (isRecorded(now, type) && !before.isTrue(type)) {
                now.condition(type).ifPresent(condition -> record(job, condition, at));
            }
        }
        recordSaves(job, before, now, at);
        recordEpochs(job, before.progress(), now.progress(), at);
    }

    private void recordEpochs(SwavJob job, @Nullable Progress before, @Nullable Progress now, Instant at) {
        if (now == null || now.epochsSince() == null) {
            return;
        }
        boolean known = before != null
                && Objects.equals(now.epochs(), before.epochs())
                && now.epochsSince().equals(before.epochsSince());
        if (!known) {
            String epochs = "training.epochs " + now.epochs() + " is in force from step " + now.epochsSince() + " on";
            String message = epochs + ": the job trains " + now.steps() + " steps";
            writer.write(job, false, "SettingsChanged", message, epochs, at);
        }
    }

    /**
     * Records settings of the accepted spec that running trainers do not follow.
     *
     * @param changes "data.workers 4 instead of 2"
     */
    void recordNextPods(SwavJob job, List<String> changes, ExecutionResult result, Instant now) {
        if (!changes.isEmpty() && result.published() && result.apiError().isEmpty()) {
            String message =
                    String.join(", ", changes) + ": pods created from now on have it, running ones keep theirs";
            writer.write(
                    job, false, "SettingsChanged", message, job.getMetadata().getGeneration() + " " + message, now);
        }
    }

    private static boolean isRecorded(SwavJobStatus status, ConditionType type) {
        boolean alreadyRecorded = type == ConditionType.Stalled && status.isTrue(ConditionType.Failed);
        return status.isTrue(type) && !alreadyRecorded;
    }

    private void record(SwavJob job, JobCondition condition, Instant at) {
        boolean warning = !AS_WANTED.contains(condition.type());
        writer.write(
                job,
                warning,
                condition.type(),
                condition.message(),
                String.valueOf(condition.lastTransitionTime()),
                at);
    }

    /** Notes that the status that was recorded last is stored. */
    void statusStored(SwavJob job) {
        recorded.remove(job.getMetadata().getUid());
    }

    /** Records that a job which is being deleted is kept by a finalizer. */
    void recordDeletion(SwavJob job, String message, Instant now) {
        writer.write(
                job,
                false,
                "Deleting",
                message,
                String.valueOf(job.getMetadata().getDeletionTimestamp()),
                now);
    }

    void forget(SwavJob job) {
        writer.forget(job.getMetadata().getUid());
        recorded.remove(job.getMetadata().getUid());
        recalled.remove(job.getMetadata().getUid());
    }

    private void recordSaves(SwavJob job, SwavJobStatus before, SwavJobStatus now, Instant at) {
        now.condition(ConditionType.CheckpointsSaved).ifPresent(saved -> {
            boolean failed = saved.status().equals("False");
            boolean wasFailing = before.condition(ConditionType.CheckpointsSaved)
                    .filter(old -> old.status().equals("False"))
                    .isPresent();
            if (failed != wasFailing) {
                writer.write(
                        job,
                        failed,
                        failed ? saved.reason() : "SaveRecovered",
                        saved.message(),
                        String.valueOf(saved.lastTransitionTime()),
                        at);
            }
        });
        Set<String> known = problems(before);
        problems(now).stream()
                .filter(problem -> !known.contains(problem))
                .forEach(problem -> writer.write(job, true, "CheckpointUnusable", problem, problem, at));
    }

    private static Set<String> problems(SwavJobStatus status) {
        return Optional.ofNullable(status.checkpoints()).orElse(List.of()).stream()
                .filter(entry -> entry.problem() != null)
                .map(entry -> entry.uri() + " cannot be resumed from and is skipped: " + entry.problem())
                .collect(Collectors.toSet());
    }
}
