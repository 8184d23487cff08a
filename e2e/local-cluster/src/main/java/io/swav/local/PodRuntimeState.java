package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * The state of a pod's processes.
 *
 * @param failure why the node failed the pod permanently
 */
record PodRuntimeState(
        List<ContainerRuntimeState> init,
        List<ContainerRuntimeState> main,
        Instant startTime,
        Optional<Failure> failure) {
    record Failure(String reason, String message) {}

    static PodRuntimeState fresh(Pod pod, Instant now) {
        return new PodRuntimeState(
                views(pod.getSpec().getInitContainers()), views(pod.getSpec().getContainers()), now, Optional.empty());
    }

    private static List<ContainerRuntimeState> views(List<Container> containers) {
        return containers.stream()
                .map(c -> ContainerRuntimeState.fresh(c.getName()))
                .toList();
    }

    Stream<ContainerRuntimeState> all() {
        return Stream.concat(init.stream(), main.stream());
    }

    ContainerRuntimeState container(String name) {
        return all().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
    }

    PodRuntimeState with(String name, UnaryOperator<ContainerRuntimeState> change) {
        return new PodRuntimeState(
                init.stream()
                        .map(c -> c.name().equals(name) ? change.apply(c) : c)
                        .toList(),
                main.stream()
                        .map(c -> c.name().equals(name) ? change.apply(c) : c)
                        .toList(),
                startTime,
                failure);
    }

    PodRuntimeState failed(String reason, String message) {
        return new PodRuntimeState(init, main, startTime, Optional.of(new Failure(reason, message)));
    }
}
