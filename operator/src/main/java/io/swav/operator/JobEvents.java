package io.swav.operator;

import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.swav.api.ConditionType;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.SwavJobStatus.Incident;
import io.swav.api.SwavJobStatus.IncidentKind;
import io.swav.planner.Names;
import io.swav.planner.ObservedPod;
import io.swav.planner.ReconcilePlan;
import io.swav.planner.WorldDecision;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records in Events, shown by {@code kubectl describe swj}, what was done and why. An Event that cannot be written is
 * only logged.
 */
final class JobEvents {
    private static final Logger LOG = LoggerFactory.getLogger(JobEvents.class);
    /** Conditions that are recorded when they become true. */
    private static final List<ConditionType> RECORDED = List.of(
            ConditionType.Complete,
            ConditionType.Failed,
            ConditionType.Stalled,
            ConditionType.Suspended,
            ConditionType.CheckpointExceedsNotice,
            ConditionType.WeightsNotKept);

    private final KubernetesClient client;

    JobEvents(KubernetesClient client) {
        this.client = client;
    }

    /** Records what was published; what was not is part of a later plan. */
    void recordPlan(SwavJob job, ReconcilePlan plan, PlanExecutor.ExecutionResult result, Instant now) {
        if (!result.published()) {
            return;
        }
        for (Incident incident : plan.newIncidents()) {
            boolean warning = incident.kind() != IncidentKind.Preemption;
            emit(job, warning, reason(incident.kind()), incident.pod() + ": " + incident.reason(), now);
        }
        for (String sentence : plan.resumeMessages()) {
            emit(job, false, "TrainingResumed", sentence, now);
        }
        if (plan.world() instanceof WorldDecision.Regroup regroup) {
            int size = regroup.next().size();
            String message = "World generation " + regroup.next().generation() + " with " + size
                    + (size == 1 ? " trainer: " : " trainers: ") + regroup.why();
            emit(job, false, "WorldPublished", message, now);
        }
        if (result.apiError().isPresent()) {
            return; // pods may be unchanged: the next plan contains them again
        }
        for (ObservedPod pod : plan.forceDelete()) {
            emit(
                    job,
                    true,
                    "PodKilled",
                    pod.name()
                            + " (deleted without a grace period: the pod or its node does not respond, or the pod"
                            + " computes wrong)",
                    now);
        }
        if (!plan.create().isEmpty() && result.rejection().isEmpty()) {
            emit(job, false, "PodsCreated", Names.of(plan.create()) + " (" + plan.createWhy() + ")", now);
        }
        Map<String, List<String>> deleted = plan.deleteWhy().entrySet().stream()
                .filter(pod -> !pod.getValue().isEmpty())
                .collect(Collectors.groupingBy(
                        Map.Entry::getValue,
                        LinkedHashMap::new,
                        Collectors.mapping(pod -> pod.getKey().name(), Collectors.toList())));
        deleted.forEach((why, pods) -> emit(job, false, "PodsDeleted", Names.of(pods) + " (" + why + ")", now));
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

    /** Records ends and obstacles, which the status shows, when their condition becomes true. */
    void recordConditions(SwavJob job, SwavJobStatus now, Instant at) {
        SwavJobStatus before = Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY);
        for (ConditionType type : RECORDED) {
            boolean alreadyRecorded = type == ConditionType.Stalled && now.isTrue(ConditionType.Failed);
            if (now.isTrue(type) && !before.isTrue(type) && !alreadyRecorded) {
                boolean warning = type != ConditionType.Complete && type != ConditionType.Suspended;
                now.condition(type).ifPresent(c -> emit(job, warning, type.name(), c.message(), at));
            }
        }
        recordSaves(job, before, now, at);
    }

    private void recordSaves(SwavJob job, SwavJobStatus before, SwavJobStatus now, Instant at) {
        now.condition(ConditionType.CheckpointsSaved).ifPresent(saved -> {
            boolean failed = saved.status().equals("False");
            boolean wasFailing = before.condition(ConditionType.CheckpointsSaved)
                    .filter(old -> old.status().equals("False"))
                    .isPresent();
            if (failed != wasFailing) {
                emit(job, failed, failed ? saved.reason() : "SaveRecovered", saved.message(), at);
            }
        });
        Set<String> known = problems(before);
        problems(now).stream()
                .filter(problem -> !known.contains(problem))
                .forEach(problem -> emit(job, true, "CheckpointUnusable", problem, at));
    }

    private static Set<String> problems(SwavJobStatus status) {
        return Optional.ofNullable(status.checkpoints()).orElse(List.of()).stream()
                .filter(entry -> entry.problem() != null)
                .map(entry -> entry.uri() + " cannot be resumed from and is skipped: " + entry.problem())
                .collect(Collectors.toSet());
    }

    private void emit(SwavJob job, boolean warning, String reason, String message, Instant now) {
        String time = now.truncatedTo(ChronoUnit.SECONDS).toString();
        try {
            client.v1()
                    .events()
                    .resource(new EventBuilder()
                            .withNewMetadata()
                            .withGenerateName(job.getMetadata().getName() + ".")
                            .withNamespace(job.getMetadata().getNamespace())
                            .endMetadata()
                            .withType(warning ? "Warning" : "Normal")
                            .withReason(reason)
                            .withMessage(message)
                            .withNewInvolvedObject()
                            .withApiVersion(job.getApiVersion())
                            .withKind(job.getKind())
                            .withName(job.getMetadata().getName())
                            .withNamespace(job.getMetadata().getNamespace())
                            .withUid(job.getMetadata().getUid())
                            .endInvolvedObject()
                            .withNewSource(OwnerMetadata.FIELD_MANAGER, null)
                            .withReportingComponent(OwnerMetadata.FIELD_MANAGER)
                            .withFirstTimestamp(time)
                            .withLastTimestamp(time)
                            .withCount(1)
                            .build())
                    .create();
        } catch (KubernetesClientException e) {
            LOG.warn("could not write event {} \"{}\": {}", reason, message, e.getMessage());
        }
    }
}
