package io.swav.operator;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Describes the failures of a pod's containers beside the trainer: init containers, sidecars, and native sidecars, which
 * are init containers with restartPolicy Always (KEP-753). Each is described in its own words, which are the last line
 * of its termination message.
 */
final class ContainerFailures {
    private static final String ALWAYS = "Always";
    /** 128 plus the number of SIGTERM. */
    private static final int TERMINATED = 143;

    private ContainerFailures() {}

    /** Returns why the pod's start has failed: the first init container that ended with an error. */
    static Optional<String> ofInit(Pod pod) {
        return initStatuses(pod)
                .filter(status -> !isNativeSidecar(pod, status.getName()))
                .flatMap(status -> failure(status.getState()).map(end -> "init container " + end(status, end)).stream())
                .findFirst();
    }

    /** Returns the sidecars that have failed and are not running, in one phrase; empty if there are none. */
    static Optional<String> ofSidecars(Pod pod) {
        if (pod.getStatus() == null || pod.getSpec().getContainers().isEmpty()) {
            return Optional.empty();
        }
        String trainer = TrainerContainer.of(pod.getSpec()).getName();
        String failed = Stream.concat(
                        initStatuses(pod).filter(status -> isNativeSidecar(pod, status.getName())),
                        pod.getStatus().getContainerStatuses().stream()
                                .filter(status -> !trainer.equals(status.getName())))
                .flatMap(status -> lastFailure(status).map(end -> "sidecar " + end(status, end)).stream())
                .collect(Collectors.joining("; "));
        return failed.isEmpty() ? Optional.empty() : Optional.of(failed);
    }

    /** Returns the failure of a container that is not running: its end, or the one after which it waits for a restart. */
    static Optional<ContainerStateTerminated> lastFailure(ContainerStatus status) {
        boolean waits = status.getState() != null && status.getState().getWaiting() != null;
        return failure(status.getState()).or(() -> waits ? failure(status.getLastState()) : Optional.empty());
    }

    /** Returns "exit code 3: the container's last words". */
    static String words(ContainerStateTerminated end) {
        String reason = end.getReason() == null || "Error".equals(end.getReason()) ? "" : " (" + end.getReason() + ")";
        return "exit code " + end.getExitCode() + reason
                + lastLine(end.getMessage()).map(words -> ": " + words).orElse("");
    }

    /** Returns the last line that is not blank. */
    static Optional<String> lastLine(@Nullable String message) {
        return Optional.ofNullable(message)
                .flatMap(text -> text.lines().filter(line -> !line.isBlank()).reduce((first, second) -> second))
                .map(String::strip);
    }

    /** Returns what to call a container that is not the trainer's: "init container fetch", "sidecar proxy". */
    static Optional<String> name(Pod pod, String container) {
        if (initContainers(pod).anyMatch(init -> container.equals(init.getName()))) {
            return Optional.of((isNativeSidecar(pod, container) ? "sidecar " : "init container ") + container);
        }
        List<Container> all = pod.getSpec().getContainers();
        boolean isTrainer =
                all.isEmpty() || TrainerContainer.of(pod.getSpec()).getName().equals(container);
        return isTrainer ? Optional.empty() : Optional.of("sidecar " + container);
    }

    private static String end(ContainerStatus status, ContainerStateTerminated end) {
        return status.getName() + " ended with " + words(end);
    }

    /** A kubelet ends sidecars by SIGTERM, after which some exit with a code of their own. */
    private static Optional<ContainerStateTerminated> failure(@Nullable ContainerState state) {
        return Optional.ofNullable(state)
                .map(ContainerState::getTerminated)
                .filter(end -> end.getExitCode() != null && end.getExitCode() != 0 && end.getExitCode() != TERMINATED);
    }

    private static boolean isNativeSidecar(Pod pod, String name) {
        return initContainers(pod)
                .anyMatch(init -> name.equals(init.getName()) && ALWAYS.equals(init.getRestartPolicy()));
    }

    private static Stream<Container> initContainers(Pod pod) {
        return pod.getSpec().getInitContainers().stream();
    }

    private static Stream<ContainerStatus> initStatuses(Pod pod) {
        return pod.getStatus() == null ? Stream.of() : pod.getStatus().getInitContainerStatuses().stream();
    }
}
