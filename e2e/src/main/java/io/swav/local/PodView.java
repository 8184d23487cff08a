package io.swav.local;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * What is known of a pod's processes.
 *
 * @param failure why the node gave the pod up, for good
 */
record PodView(List<ContainerView> init, List<ContainerView> main, Instant startTime, Optional<Failure> failure) {
    record Failure(String reason, String message) {}

    static PodView fresh(Pod pod, Instant now) {
        return new PodView(
                views(pod.getSpec().getInitContainers()), views(pod.getSpec().getContainers()), now, Optional.empty());
    }

    private static List<ContainerView> views(List<Container> containers) {
        return containers.stream().map(c -> ContainerView.fresh(c.getName())).toList();
    }

    Stream<ContainerView> all() {
        return Stream.concat(init.stream(), main.stream());
    }

    ContainerView container(String name) {
        return all().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
    }

    PodView with(String name, UnaryOperator<ContainerView> change) {
        return new PodView(
                init.stream()
                        .map(c -> c.name().equals(name) ? change.apply(c) : c)
                        .toList(),
                main.stream()
                        .map(c -> c.name().equals(name) ? change.apply(c) : c)
                        .toList(),
                startTime,
                failure);
    }

    PodView failed(String reason, String message) {
        return new PodView(init, main, startTime, Optional.of(new Failure(reason, message)));
    }
}
