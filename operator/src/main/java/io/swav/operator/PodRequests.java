package io.swav.operator;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.ResourceRequirements;
import java.util.List;
import java.util.Optional;

/**
 * What a pod of a template needs: that for which Kueue reserves quota. Two of them are equal if they ask for the same
 * amounts, however these are written.
 *
 * @param runtimeClass empty if the pod names none; it may add an overhead
 */
record PodRequests(
        List<ResourceRequirements> initContainers, List<ResourceRequirements> containers, String runtimeClass) {

    static PodRequests of(PodSpec spec) {
        return new PodRequests(
                resources(spec.getInitContainers()),
                resources(spec.getContainers()),
                Optional.ofNullable(spec.getRuntimeClassName()).orElse(""));
    }

    private static List<ResourceRequirements> resources(List<Container> containers) {
        return containers.stream()
                .map(container -> Optional.ofNullable(container.getResources()).orElseGet(ResourceRequirements::new))
                .toList();
    }
}
