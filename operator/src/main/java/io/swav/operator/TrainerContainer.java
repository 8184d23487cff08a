package io.swav.operator;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.swav.api.ResourceNames;
import io.swav.api.TrainerEnv;
import java.util.List;
import java.util.Optional;

/**
 * Finds the trainer's container of a template and of a pod. Admission webhooks add containers to pods, also in front of
 * the others, so a pod's trainer is found by a mark that was set when the pod was made: the variable {@value
 * TrainerEnv#JOB_UID}, which {@link TrainerPod} gives to the trainer alone. A pod's variables cannot be edited.
 */
final class TrainerContainer {
    private static final String RUNNING = "Running";

    private TrainerContainer() {}

    /** Returns the template's container named {@value ResourceNames#CONTAINER}, or the first. */
    static Container ofTemplate(PodSpec template) {
        return namedOrFirst(template.getContainers());
    }

    /** Returns the pod's marked container; without a mark as {@link #ofTemplate}. */
    static Container of(PodSpec pod) {
        List<Container> marked =
                pod.getContainers().stream().filter(TrainerContainer::isMarked).toList();
        return namedOrFirst(marked.isEmpty() ? pod.getContainers() : marked);
    }

    /** Returns the uid of the job for which the pod's trainer trains; empty if the pod has no trainer. */
    static Optional<String> jobUid(Pod pod) {
        return pod.getSpec().getContainers().stream()
                .flatMap(container -> container.getEnv().stream())
                .filter(variable -> TrainerEnv.JOB_UID.equals(variable.getName()))
                .flatMap(variable -> Optional.ofNullable(variable.getValue()).stream())
                .findFirst();
    }

    private static boolean isMarked(Container container) {
        return container.getEnv().stream().anyMatch(variable -> TrainerEnv.JOB_UID.equals(variable.getName()));
    }

    private static Container namedOrFirst(List<Container> containers) {
        return containers.stream()
                .filter(container -> ResourceNames.CONTAINER.equals(container.getName()))
                .findFirst()
                .orElseGet(() -> containers.get(0));
    }

    /** Returns the status of the trainer's container; empty until a kubelet has written one. */
    static Optional<ContainerStatus> status(Pod pod) {
        if (pod.getStatus() == null || pod.getSpec().getContainers().isEmpty()) {
            return Optional.empty();
        }
        String name = of(pod.getSpec()).getName();
        return pod.getStatus().getContainerStatuses().stream()
                .filter(status -> name.equals(status.getName()))
                .findFirst();
    }

    /** Returns how the trainer's container ended; empty while it runs, or if that is unknown. */
    static Optional<ContainerStateTerminated> end(Pod pod) {
        return status(pod).map(ContainerStatus::getState).map(ContainerState::getTerminated);
    }

    /**
     * Whether the trainer's container is ready, whatever the pod's other containers are; without a status of that
     * container, whether the pod is.
     */
    static boolean isReady(Pod pod) {
        return status(pod)
                .map(status -> Boolean.TRUE.equals(status.getReady()))
                .orElseGet(() -> pod.getStatus() != null
                        && RUNNING.equals(pod.getStatus().getPhase())
                        && PodClassifier.isTrue(pod, "Ready"));
    }
}
