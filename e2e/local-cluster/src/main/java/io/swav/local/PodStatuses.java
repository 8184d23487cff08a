package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStateTerminatedBuilder;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Computes the status that a kubelet would write for a pod: a function of the pod, its containers and the time. */
final class PodStatuses {
    static final String HOST = "127.0.0.1";

    private static final Set<String> OURS = Set.of("PodScheduled", "Initialized", "ContainersReady", "Ready");

    private PodStatuses() {}

    static String phase(Pod pod, PodRuntimeState view) {
        if (view.failure().isPresent() && view.all().noneMatch(ContainerRuntimeState::running)) {
            return "Failed";
        }
        boolean never = "Never".equals(pod.getSpec().getRestartPolicy());
        if (never && view.init().stream().anyMatch(c -> c.exited().isPresent() && !c.succeeded())) {
            return "Failed";
        }
        boolean ended = view.main().stream().allMatch(c -> c.exited().isPresent());
        if (ended) {
            return view.main().stream().allMatch(ContainerRuntimeState::succeeded) ? "Succeeded" : "Failed";
        }
        return view.main().stream().anyMatch(c -> c.runs() > 0) ? "Running" : "Pending";
    }

    /** @param before the status written last; its times are kept for unchanged conditions */
    static PodStatus of(Pod pod, PodRuntimeState view, @Nullable PodStatus before, Instant now) {
        String phase = phase(pod, view);
        boolean initialized = view.init().stream().allMatch(ContainerRuntimeState::succeeded);
        List<String> notReady = view.main().stream()
                .filter(c -> !c.running() || !c.ready())
                .map(ContainerRuntimeState::name)
                .toList();
        boolean ended = phase.equals("Succeeded") || phase.equals("Failed");
        String reason = phase.equals("Succeeded") ? "PodCompleted" : "ContainersNotReady";
        String message = phase.equals("Succeeded") || notReady.isEmpty()
                ? null
                : "containers with unready status: [" + String.join(" ", notReady) + "]";
        boolean ready = notReady.isEmpty() && !ended;

        List<PodCondition> conditions = new ArrayList<>(
                pod.getStatus() == null
                        ? List.of()
                        : pod.getStatus().getConditions().stream()
                                .filter(c -> !OURS.contains(c.getType()))
                                .toList());
        conditions.add(condition(
                before, "Initialized", initialized, initialized ? null : "ContainersNotInitialized", null, now));
        conditions.add(condition(before, "Ready", ready, ready ? null : reason, ready ? null : message, now));
        conditions.add(condition(before, "ContainersReady", ready, ready ? null : reason, ready ? null : message, now));
        conditions.add(condition(before, "PodScheduled", true, null, null, now));

        return new PodStatusBuilder()
                .withPhase(phase)
                .withReason(view.failure().map(PodRuntimeState.Failure::reason).orElse(null))
                .withMessage(
                        view.failure().map(PodRuntimeState.Failure::message).orElse(null))
                .withConditions(conditions)
                .withHostIP(HOST)
                .withPodIP(HOST)
                .addNewPodIP(HOST)
                .withStartTime(text(view.startTime()))
                .withQosClass(pod.getStatus() == null ? null : pod.getStatus().getQosClass())
                .withInitContainerStatuses(statuses(pod.getSpec().getInitContainers(), view.init()))
                .withContainerStatuses(statuses(pod.getSpec().getContainers(), view.main()))
                .build();
    }

    /** A condition that keeps the time of its last transition while its value stays the same. */
    private static PodCondition condition(
            @Nullable PodStatus before,
            String type,
            boolean value,
            @Nullable String reason,
            @Nullable String message,
            Instant now) {
        String status = value ? "True" : "False";
        String since = before == null
                ? text(now)
                : before.getConditions().stream()
                        .filter(c -> c.getType().equals(type)
                                && c.getStatus().equals(status)
                                && c.getLastTransitionTime() != null)
                        .map(PodCondition::getLastTransitionTime)
                        .findFirst()
                        .orElse(text(now));
        return new PodConditionBuilder()
                .withType(type)
                .withStatus(status)
                .withReason(reason)
                .withMessage(message)
                .withLastTransitionTime(since)
                .build();
    }

    private static List<ContainerStatus> statuses(List<Container> specs, List<ContainerRuntimeState> views) {
        var images = specs.stream()
                .collect(Collectors.toMap(Container::getName, c -> c.getImage() == null ? "" : c.getImage()));
        return views.stream()
                .map(view -> new ContainerStatusBuilder()
                        .withName(view.name())
                        .withImage(images.get(view.name()))
                        .withImageID("")
                        .withReady(view.running() && view.ready())
                        .withStarted(view.running() && view.started())
                        .withRestartCount(Math.max(0, view.runs() - 1))
                        .withState(state(view.state()))
                        .withLastState(view.last().map(PodStatuses::state).orElseGet(ContainerState::new))
                        .withContainerID(id(view.state()))
                        .build())
                .toList();
    }

    private static ContainerState state(ContainerRuntimeState.State state) {
        if (state instanceof ContainerRuntimeState.Running running) {
            return new ContainerStateBuilder()
                    .withNewRunning()
                    .withStartedAt(text(running.since()))
                    .endRunning()
                    .build();
        }
        if (state instanceof ContainerRuntimeState.Exited exited) {
            ContainerStateTerminated terminated = new ContainerStateTerminatedBuilder()
                    .withExitCode(exited.code())
                    .withReason(exited.reason())
                    .withMessage(exited.message().isEmpty() ? null : exited.message())
                    .withStartedAt(text(exited.since()))
                    .withFinishedAt(text(exited.at()))
                    .withContainerID(id(exited))
                    .build();
            return new ContainerStateBuilder().withTerminated(terminated).build();
        }
        ContainerRuntimeState.Waiting waiting = (ContainerRuntimeState.Waiting) state;
        return new ContainerStateBuilder()
                .withNewWaiting()
                .withReason(waiting.reason())
                .withMessage(waiting.message().isEmpty() ? null : waiting.message())
                .endWaiting()
                .build();
    }

    /** {@code process://<pid>} of the container's process on this machine. */
    private static @Nullable String id(ContainerRuntimeState.State state) {
        if (state instanceof ContainerRuntimeState.Running running) {
            return "process://" + running.pid();
        }
        return state instanceof ContainerRuntimeState.Exited exited && exited.pid() > 0
                ? "process://" + exited.pid()
                : null;
    }

    static String text(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS).toString();
    }
}
